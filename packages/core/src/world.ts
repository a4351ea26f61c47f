// What translate reads and what it says: objects in, resources, conditions and wants out (contracts 5, 6).
import type { EncodedResource, Rejection } from '@agentgateway/api/keys.ts';

/** Where an object was written. */
export interface ObjectOrigin {
  /** File as the user named it. */
  readonly file: string;
  /** Line of the object's first key, from 1. */
  readonly line: number;
  /** Path in the user's file that stands for the object's spec, such as `llmBackends[0]`; for objects without spec, for the object. */
  readonly pathPrefix: string;
  /** Line, from 1, of a path in the user's file; of its nearest ancestor where it is absent. */
  readonly lineOf?: (path: string) => number;
}

/** A place in a file, as users speak of it. */
export interface Place {
  readonly file: string;
  readonly line: number;
  /** Path in the file, such as `llmBackends[0].providers[1].name`. */
  readonly path: string;
}

/** A Kubernetes object, from a file or an API server; the rest of it is the kind's own. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly generation: number;
    /** RFC 3339. */
    readonly creationTimestamp: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
  readonly [field: string]: unknown;
  readonly origin?: ObjectOrigin;
}

/** What a view's proxies said. */
export interface Feedback {
  /** Rejections of the last update, by name. */
  readonly rejections: readonly Rejection[];
  /** Listeners that could not be bound: listener key → why. */
  readonly bindErrors: ReadonlyMap<string, string>;
  /** IP addresses on which listeners are reached whose Gateway names none. */
  readonly addresses?: readonly string[];
  /** Whether the last update was acknowledged. */
  readonly isAcknowledged: boolean;
}

/** Everything translate may know. */
export interface World {
  readonly objects: readonly Manifest[];
  /** Gateway key → what its proxies said. */
  readonly feedback: ReadonlyMap<string, Feedback>;
  /** This controller's name; GatewayClasses of others are left alone. */
  readonly controllerName: string;
  /** Set where one process serves every Gateway, as on a laptop: Gateways on one address and port share its socket. */
  readonly sharesBinds?: boolean;
}

/** A mistake, as a value. */
export interface Issue {
  /** Which object, as `Kind namespace/name`. */
  readonly object: string;
  /** Path from the object's root, such as `spec.rules[0].backendRefs[0]`. */
  readonly path: string;
  /** The condition it turns false. */
  readonly condition: string;
  /** The condition's reason, the standard's where it has one. */
  readonly reason: string;
  readonly message: string;
  readonly origin?: Place;
}

/** One condition (Kubernetes metav1.Condition); the writer adds lastTransitionTime and observedGeneration. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** A status to be written. */
export interface ObjectStatus {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  /** The object's status as its kind defines it, conditions without times. */
  readonly status: unknown;
}

/** Something referenced that the world does not hold yet; sources fetch exactly these. */
export interface Want {
  readonly kind: 'Secret' | 'ConfigMap' | 'File' | 'URL';
  readonly namespace?: string;
  readonly name: string;
}

/** The result of translating a world. */
export interface Translation {
  /** Gateway key → what its proxies hold, sorted by type and key. */
  readonly views: ReadonlyMap<string, readonly EncodedResource[]>;
  readonly statuses: readonly ObjectStatus[];
  readonly issues: readonly Issue[];
  /** Objects to be deployed; empty until the operator. */
  readonly objects: readonly Manifest[];
  readonly wants: readonly Want[];
}
