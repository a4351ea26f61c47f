// Token counts where a provider gave none: a likely count to settle with, and a true upper bound to reserve with.
import type { Usage } from '../usage.ts';

/** Likely bytes of UTF-8 a token: English has about four, other scripts about three, so the estimate errs upwards. */
const estimateBytesPerToken = 3;
/** A byte-level vocabulary never makes more than one token of a byte. */
const boundTokensPerByte = 1;
/** Roles, separators and names that a provider adds around one message. */
const messageTokensMax = 16;
/** The dearest picture of a current vision model (gpt-4o-mini: 2,833 + 5,667 for each of at most 8 tiles). */
const imageTokensMax = 2_833 + 8 * 5_667;
/** A page of a document is read as its text and as a picture. */
const pageTokensMax = 3_000 + imageTokensMax;

/** The likely number of tokens of so many bytes of UTF-8 text. */
export function estimateTokens(bytes: number): number {
  return Math.ceil(bytes / estimateBytesPerToken);
}

/** What a prompt is made of. Text counts everything that is not media: messages, tools, schemas. */
export interface PromptSize {
  readonly textBytes: number;
  readonly messages: number;
  readonly images?: number;
  readonly pages?: number;
}

/** No provider counts more input tokens than this for such a prompt. What is named by an id must be bounded by the model's context instead. */
export function boundInputTokens({ textBytes, messages, images = 0, pages = 0 }: PromptSize): number {
  return textBytes * boundTokensPerByte + messages * messageTokensMax + images * imageTokensMax + pages * pageTokensMax;
}

/** Fills in the totals that were not reported, from the bytes of text that went each way, and marks them as estimated. */
export function completeUsage(
  usage: Usage | undefined,
  { inputTextBytes, outputTextBytes }: { readonly inputTextBytes: number; readonly outputTextBytes: number },
): Usage {
  if (usage?.inputTotal !== undefined && usage.outputTotal !== undefined) return usage;
  // Parts that were reported belong to the totals, whatever the text was.
  const inputParts = (usage?.inputCacheRead ?? 0) + (usage?.inputCacheWrite5m ?? 0) + (usage?.inputCacheWrite1h ?? 0);
  return {
    ...usage,
    inputTotal: usage?.inputTotal ?? Math.max(inputParts, estimateTokens(inputTextBytes)),
    outputTotal: usage?.outputTotal ?? Math.max(usage?.outputReasoning ?? 0, estimateTokens(outputTextBytes)),
    source: 'estimated',
  };
}
