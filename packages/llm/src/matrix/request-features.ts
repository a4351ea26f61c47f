// Every feature of requests, in one table.
import { conversationFeatures } from './conversation-features.ts';
import type { RequestFeature } from './request-words.ts';
import { settingFeatures } from './setting-features.ts';
import { toolFeatures } from './tool-features.ts';

/** What requests can ask for, in each client's words, and what each provider must be asked in its own. */
export const requestFeatures: Readonly<Record<string, RequestFeature>> = {
  ...conversationFeatures,
  ...toolFeatures,
  ...settingFeatures,
};
