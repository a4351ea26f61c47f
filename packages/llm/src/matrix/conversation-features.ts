// Features of conversations: roles and their order, media, cache marks, signatures.
import { carrierPrefix, wrapOpaque } from '../carrier.ts';
import { conversationStart, systemMarker } from '../format/messages/encode-turns.ts';
import type { JsonObject } from '../hub/extra.ts';
import {
  type RequestFeature,
  ask,
  blockUser,
  blocks,
  body,
  chat,
  chatUser,
  inputText,
  inputUser,
  messages,
  responses,
} from './request-words.ts';
import type { Expected } from './square.ts';

const png = 'iVBORw0KGgo=';
const pdf = 'JVBERi0xLjQ=';
const imageUri = `data:image/png;base64,${png}`;
const imageUrl = 'https://example.org/cat.png';
const imageBlock = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } };
const pdfBlock = {
  type: 'document',
  title: 'a.pdf',
  source: { type: 'base64', media_type: 'application/pdf', data: pdf },
};

const content = (chatPart: JsonObject, responsesPart: JsonObject, block: JsonObject): RequestFeature => {
  const asked = {
    chat: chat([chatUser([{ type: 'text', text: 'see' }, chatPart])]),
    responses: responses([inputUser([...inputText('see'), responsesPart])]),
    messages: messages([{ role: 'user', content: [...blocks('see'), block] }]),
  };
  const { messages: sent } = asked.messages;
  return {
    asked,
    sent: {
      chat: body({ messages: asked.chat['messages'] }),
      responses: body({ input: asked.responses['input'] }),
      messages: body({ messages: sent }),
    },
  };
};

/** A value that only the vendor `elsewhere` could verify. */
const foreignSecret = 'c2VjcmV0LW9mLWVsc2V3aGVyZQ==';

function foreignCarrier(): string {
  return wrapOpaque({ vendor: 'elsewhere', model: 'x-1', values: { signature: foreignSecret } });
}

/** No trace of the value, nor of what carried it. */
function stripped(): Expected {
  return { body: {}, lacks: [foreignSecret, carrierPrefix], notes: [/left out/] };
}

const said = (text: string): JsonObject => ({
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [] }],
});

/** Features of conversations. */
export const conversationFeatures = {
  plainText: {
    asked: ask({ chat: {}, responses: {}, messages: {} }),
    sent: {
      chat: body({ messages: [chatUser('hi')] }),
      responses: body({ input: [inputUser(inputText('hi'))] }),
      messages: body({ messages: [blockUser('hi')] }),
    },
  },
  systemLeading: {
    asked: {
      chat: chat([{ role: 'system', content: 'Be brief.' }, chatUser('hi')]),
      responses: responses([inputUser(inputText('hi'))], { instructions: 'Be brief.' }),
      messages: messages([blockUser('hi')], { system: 'Be brief.' }),
    },
    sent: {
      chat: body({ messages: [{ role: 'system', content: 'Be brief.' }, chatUser('hi')] }),
      responses: (from) =>
        from === 'responses'
          ? body({ instructions: 'Be brief.', input: [inputUser(inputText('hi'))] })
          : body({ input: [{ role: 'system', content: inputText('Be brief.') }, inputUser(inputText('hi'))] }),
      messages: body({ system: 'Be brief.', messages: [blockUser('hi')] }),
    },
  },
  systemAmid: {
    asked: {
      chat: chat([
        chatUser('a'),
        { role: 'assistant', content: 'b' },
        { role: 'system', content: 'now' },
        chatUser('c'),
      ]),
      responses: responses([
        inputUser(inputText('a')),
        { role: 'assistant', content: 'b' },
        { role: 'system', content: inputText('now') },
        inputUser(inputText('c')),
      ]),
      messages: messages([
        blockUser('a'),
        { role: 'assistant', content: blocks('b') },
        { role: 'system', content: blocks('now') },
        blockUser('c'),
      ]),
    },
    sent: {
      chat: body({
        messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'system', content: 'now' }, chatUser('c')],
      }),
      responses: body({ input: [{ role: 'user' }, { role: 'assistant' }, { role: 'system' }, { role: 'user' }] }),
      messages: (from) =>
        from === 'messages'
          ? body({ messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'system' }, { role: 'user' }] })
          : body({
              messages: [
                blockUser('a'),
                { role: 'assistant', content: blocks('b') },
                blockUser(`${systemMarker.open}\nnow\n${systemMarker.close}`, 'c'),
              ],
            }),
    },
  },
  multiTurn: {
    asked: {
      chat: chat([chatUser('a'), { role: 'assistant', content: 'b' }, chatUser('c')]),
      responses: responses([
        inputUser(inputText('a')),
        { role: 'assistant', content: [{ type: 'output_text', text: 'b', annotations: [] }] },
        inputUser(inputText('c')),
      ]),
      messages: messages([blockUser('a'), { role: 'assistant', content: blocks('b') }, blockUser('c')]),
    },
    sent: {
      chat: body({ messages: [chatUser('a'), { role: 'assistant', content: 'b' }, chatUser('c')] }),
      responses: body({
        input: [
          inputUser(inputText('a')),
          { role: 'assistant', content: [{ type: 'output_text', text: 'b' }] },
          inputUser(inputText('c')),
        ],
      }),
      messages: body({ messages: [blockUser('a'), { role: 'assistant', content: blocks('b') }, blockUser('c')] }),
    },
  },
  imageBase64: content(
    { type: 'image_url', image_url: { url: imageUri } },
    { type: 'input_image', image_url: imageUri },
    imageBlock,
  ),
  imageUrl: content(
    { type: 'image_url', image_url: { url: imageUrl } },
    { type: 'input_image', image_url: imageUrl },
    { type: 'image', source: { type: 'url', url: imageUrl } },
  ),
  document: content(
    { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` } },
    { type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` },
    pdfBlock,
  ),
  cacheMarks: {
    asked: {
      chat: { absent: 'OpenAI marks nothing' },
      responses: { absent: 'OpenAI marks nothing' },
      messages: messages([
        {
          role: 'user',
          content: [
            { type: 'text', text: 'long', cache_control: { type: 'ephemeral', ttl: '1h' } },
            ...blocks('short'),
          ],
        },
      ]),
    },
    sent: {
      chat: { body: { messages: [{ role: 'user' }] }, lacks: ['cache_control'] },
      responses: { body: {}, lacks: ['cache_control'] },
      messages: body({
        messages: [{ content: [{ cache_control: { type: 'ephemeral', ttl: '1h' } }, { text: 'short' }] }],
      }),
    },
  },
  foreignSignature: {
    asked: {
      chat: chat([
        chatUser('a'),
        {
          role: 'assistant',
          content: 'b',
          reasoning_content: 'hm',
          reasoning_details: [{ type: 'reasoning.text', text: 'hm', signature: foreignCarrier(), index: 0 }],
        },
        chatUser('c'),
      ]),
      responses: responses([
        inputUser(inputText('a')),
        {
          type: 'reasoning',
          id: 'rs_1',
          summary: [{ type: 'summary_text', text: 'hm' }],
          encrypted_content: foreignCarrier(),
        },
        { role: 'assistant', content: [{ type: 'output_text', text: 'b', annotations: [] }] },
        inputUser(inputText('c')),
      ]),
      messages: messages([
        blockUser('a'),
        {
          role: 'assistant',
          content: [{ type: 'thinking', thinking: 'hm', signature: foreignCarrier() }, ...blocks('b')],
        },
        blockUser('c'),
      ]),
    },
    sent: { chat: stripped(), responses: stripped(), messages: stripped() },
  },
  developerLeading: {
    asked: {
      chat: chat([{ role: 'developer', content: 'Be brief.' }, chatUser('hi')]),
      responses: responses([{ role: 'developer', content: inputText('Be brief.') }, inputUser(inputText('hi'))]),
      messages: { absent: 'Anthropic knows no developers' },
    },
    sent: {
      chat: body({ messages: [{ role: 'developer', content: 'Be brief.' }, chatUser('hi')] }),
      responses: body({ input: [{ role: 'developer', content: inputText('Be brief.') }, { role: 'user' }] }),
      messages: body({ system: 'Be brief.', messages: [blockUser('hi')] }),
    },
  },
  begunByModel: {
    asked: {
      chat: chat([{ role: 'assistant', content: 'Welcome!' }, chatUser('hi')]),
      responses: responses([said('Welcome!'), inputUser(inputText('hi'))]),
      messages: { absent: 'Anthropic demands a user turn first' },
    },
    sent: {
      chat: body({ messages: [{ role: 'assistant', content: 'Welcome!' }, chatUser('hi')] }),
      responses: body({ input: [{ role: 'assistant' }, { role: 'user' }] }),
      messages: {
        body: {
          messages: [blockUser(conversationStart), { role: 'assistant', content: blocks('Welcome!') }, blockUser('hi')],
        },
        notes: [/user turn/],
      },
    },
  },
  prefill: {
    asked: {
      chat: chat([chatUser('hi'), { role: 'assistant', content: '{' }]),
      responses: responses([inputUser(inputText('hi')), said('{')]),
      messages: messages([blockUser('hi'), { role: 'assistant', content: blocks('{') }]),
    },
    sent: {
      chat: body({ messages: [chatUser('hi'), { role: 'assistant', content: '{' }] }),
      responses: body({ input: [{ role: 'user' }, { role: 'assistant', content: [{ text: '{' }] }] }),
      messages: body({ messages: [blockUser('hi'), { role: 'assistant', content: blocks('{') }] }),
    },
  },
  fileOfProvider: {
    asked: {
      chat: chat([chatUser([{ type: 'file', file: { file_id: 'file-1' } }])]),
      responses: responses([inputUser([{ type: 'input_file', file_id: 'file-1' }])]),
      messages: messages([
        { role: 'user', content: [{ type: 'document', source: { type: 'file', file_id: 'file-1' } }] },
      ]),
    },
    sent: {
      chat: (from) =>
        from === 'chat'
          ? body({ messages: [{ content: [{ file: { file_id: 'file-1' } }] }] })
          : { refused: 'provider' },
      responses: (from) =>
        from === 'responses' ? body({ input: [{ content: [{ file_id: 'file-1' }] }] }) : { refused: 'provider' },
      messages: (from) =>
        from === 'messages'
          ? body({ messages: [{ content: [{ source: { type: 'file', file_id: 'file-1' } }] }] })
          : { refused: 'provider' },
    },
  },
  sound: {
    asked: {
      chat: chat([chatUser([{ type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } }])]),
      responses: { absent: 'Responses takes no sound' },
      messages: { absent: 'Anthropic takes no sound' },
    },
    sent: {
      chat: body({ messages: [{ content: [{ input_audio: { data: 'UklGRg==', format: 'wav' } }] }] }),
      responses: { refused: 'audio' },
      messages: { refused: 'audio' },
    },
  },
} as const satisfies Record<string, RequestFeature>;
