// One walk over a parsed expression: finds what it reads, refuses unknown names, and prepares the calls and literals.
import type { ASTNode } from 'cel-js';
import { CelError, positionAt } from './error.ts';
import { constants, overrideEvaluation, redirectCall } from './engine.ts';
import { functionsByName, namespaces } from './functions.ts';
import { variableCount } from './macro.ts';
import { isRootName, membersOf } from './roots.ts';
import { suggestion } from './suggestion.ts';

/** What an expression may use. */
export interface Vocabulary {
  readonly source: string;
  /** The roots there are where the expression runs. */
  readonly roots: ReadonlySet<string>;
  /** Whether uuid() and random() have an implementation. */
  readonly hasImpureFunctions: boolean;
}

/**
 * Walks a tree that has been parsed and not yet checked. Returns the paths it reads, each a root or `root.member`.
 * Throws a CelError at the first unknown root, member or function.
 */
export function analyse(tree: ASTNode, vocabulary: Vocabulary): ReadonlySet<string> {
  const references = new Set<string>();
  visit(tree, { vocabulary, references, variables: noVariables });
  return references;
}

interface Context {
  readonly vocabulary: Vocabulary;
  readonly references: Set<string>;
  /** Variables that the expression itself has introduced; they hide roots of the same name. */
  readonly variables: ReadonlySet<string>;
}

const noVariables: ReadonlySet<string> = new Set();

const impure: ReadonlySet<string> = new Set(['uuid', 'random']);

function failure(context: Context, node: ASTNode, message: string): CelError {
  return new CelError('unknown-name', message, positionAt(context.vocabulary.source, node.pos));
}

function visit(node: ASTNode, context: Context): void {
  overrideEvaluation(node);
  switch (node.op) {
    case 'value':
      return;
    case 'id':
      return visitName(node.args, node, context);
    case '.':
    case '.?':
      return visitMember(node.args[0], node.args[1], node, context);
    case '[]':
    case '[?]':
      return visitIndex(node.args[0], node.args[1], node, context);
    case 'call':
      return visitCall(node, context);
    case 'rcall':
      return visitMethod(node, context);
    case 'list':
      return visitAll(node.args, context);
    case 'map':
      return visitAll(node.args.flat(), context);
    case '!_':
    case '-_':
      return visit(node.args, context);
    default:
      return visitAll(node.args, context);
  }
}

function visitAll(nodes: readonly ASTNode[], context: Context): void {
  for (const node of nodes) visit(node, context);
}

/** The root that a node names, where it names one. */
function rootAt(node: ASTNode, context: Context): string | undefined {
  if (node.op !== 'id' || context.variables.has(node.args) || constants.has(node.args)) return undefined;
  const { roots } = context.vocabulary;
  if (roots.has(node.args)) return node.args;
  const known = [...roots, ...context.variables];
  if (isRootName(node.args)) {
    throw failure(context, node, `"${node.args}" is not available here; available are ${[...roots].join(', ')}`);
  }
  throw failure(
    context,
    node,
    `unknown name "${node.args}"${suggestion(node.args, known) || `; known are ${known.join(', ')}`}`,
  );
}

function visitName(_name: string, node: ASTNode, context: Context): void {
  const root = rootAt(node, context);
  if (root !== undefined) context.references.add(root);
}

function visitMember(left: ASTNode, member: string, node: ASTNode, context: Context): void {
  const root = rootAt(left, context);
  if (root === undefined) return visit(left, context);
  readMember(root, member, node, context);
}

function visitIndex(left: ASTNode, index: ASTNode, node: ASTNode, context: Context): void {
  const root = rootAt(left, context);
  if (root !== undefined && index.op === 'value' && typeof index.args === 'string') {
    readMember(root, index.args, node, context);
    return;
  }
  visit(left, context);
  visit(index, context);
}

function readMember(root: string, member: string, node: ASTNode, context: Context): void {
  const members = isRootName(root) ? membersOf(root) : undefined;
  if (members && !members.has(member)) {
    const hint = suggestion(member, members) || `; it has ${[...members].join(', ')}`;
    throw failure(context, node, `"${root}" has no member "${member}"${hint}`);
  }
  context.references.add(`${root}.${member}`);
}

function visitCall(node: ASTNode & { op: 'call' }, context: Context): void {
  const [name, args] = node.args;
  const row = functionsByName.get(name);
  if (!row) throw failure(context, node, `unknown function "${name}"${suggestion(name, functionsByName.keys())}`);
  if (impure.has(name) && !context.vocabulary.hasImpureFunctions)
    throw failure(context, node, `${name}() is not available here`);
  redirectCall(node, row);
  visitAll(args, context);
}

function visitMethod(node: ASTNode & { op: 'rcall' }, context: Context): void {
  const [name, receiver, args] = node.args;
  const space =
    receiver.op === 'id' && !context.variables.has(receiver.args) && namespaces.has(receiver.args)
      ? `${receiver.args}.`
      : '';
  const row = functionsByName.get(`${space}${name}`);
  if (space === '') visit(receiver, context);
  if (!row) {
    // The node begins with its receiver; the name is what is wrong.
    const position = positionAt(context.vocabulary.source, context.vocabulary.source.indexOf(name, receiver.end));
    throw new CelError(
      'unknown-name',
      `unknown function "${space}${name}"${suggestion(`${space}${name}`, functionsByName.keys())}`,
      position,
    );
  }
  if (`${space}${name}` === 'cel.bind') return visitBinding(args[1], args.slice(0, 1), args.slice(2), context);
  const variables = space === '' ? variableCount(name, args.length) : 0;
  if (variables > 0) return visitBinding(undefined, args.slice(0, variables), args.slice(variables), context);
  redirectCall(node, row);
  visitAll(args, context);
}

function visitBinding(
  value: ASTNode | undefined,
  variables: readonly ASTNode[],
  body: readonly ASTNode[],
  context: Context,
): void {
  if (value) visit(value, context);
  const names = variables.flatMap((node) => (node.op === 'id' ? [node.args] : []));
  visitAll(body, { ...context, variables: new Set([...context.variables, ...names]) });
}
