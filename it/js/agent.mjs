// An agent for the tests of the main job: unmodified OpenAI and MCP packages, and nothing of Behalf but the environment
// that `behalf run` sets. Works on one instruction a line of standard input, and prints one JSON object a step.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import OpenAI from 'openai';
import { createInterface } from 'node:readline';

const MAX_MODEL_CALLS = 6;
const bearer = { authorization: `Bearer ${process.env.BEHALF_KEY}` };

// Without retries: a test counts the calls, and a refusal is not a failure to try again.
const model = new OpenAI({ maxRetries: 0 });

const readTicket = {
  name: 'read_ticket',
  description: 'Reads one ticket of the support system',
  parameters: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
};

const say = (step, facts = {}) => process.stdout.write(JSON.stringify({ step, ...facts }) + '\n');

async function connect() {
  const tools = new Client({ name: 'ticket-agent', version: '1' });
  const address = new URL(process.env.BEHALF_MCP_URL);
  await tools.connect(new StreamableHTTPClientTransport(address, { requestInit: { headers: bearer } }));
  return tools;
}

async function listed(tools) {
  const offered = (await tools.listTools()).tools;
  say('tools', { task: process.env.BEHALF_TASK, names: offered.map((tool) => tool.name) });
  const functions = offered.map(({ name, description, inputSchema }) => ({ name, description, parameters: inputSchema }));
  return [...functions, readTicket].map((one) => ({ type: 'function', function: one }));
}

async function work(instruction, tools, functions) {
  const messages = [{ role: 'user', content: instruction }];
  for (let call = 0; call < MAX_MODEL_CALLS; call++) {
    const reply = await ask(messages, functions);
    messages.push(reply);
    if (!reply.tool_calls) return;
    for (const planned of reply.tool_calls) {
      const content = await carryOut(planned, tools);
      messages.push({ role: 'tool', tool_call_id: planned.id, content });
    }
  }
}

async function ask(messages, functions) {
  const { data: stream, response } = await model.chat.completions
    .create({ model: 'gpt-4o', stream: true, messages, tools: functions })
    .withResponse();
  const record = response.headers.get('behalf-record');
  const calls = [];
  let content = '';
  let chunks = 0;
  for await (const chunk of stream) {
    const delta = chunk.choices[0]?.delta ?? {};
    content += delta.content ?? '';
    for (const part of delta.tool_calls ?? []) {
      const call = (calls[part.index] ??= { id: '', type: 'function', function: { name: '', arguments: '' } });
      call.id += part.id ?? '';
      call.function.name += part.function?.name ?? '';
      call.function.arguments += part.function?.arguments ?? '';
    }
    if (chunks++ === 0) say('streaming', { record });
  }
  say('model', { record, chunks, content, planned: calls.map((call) => call.function.name) });
  return { role: 'assistant', content, ...(calls.length > 0 && { tool_calls: calls }) };
}

// A refusal is an answer like another: the model reads the sentence and plans on.
async function carryOut(planned, tools) {
  const name = planned.function.name;
  const given = JSON.parse(planned.function.arguments || '{}');
  if (name === readTicket.name) return ticket(given.id);
  const result = await tools.callTool({ name, arguments: given });
  const text = result.content.map((part) => part.text ?? '').join('');
  const refusal = result._meta?.['io.behalf/refusal'];
  say('tool', { name, error: result.isError === true, text, ...(refusal && { refusal }) });
  return text;
}

async function ticket(id) {
  const answer = await fetch(`${process.env.BEHALF_URL}/http/tickets/tickets/${id}`, { headers: bearer });
  const text = await answer.text();
  say('service', { status: answer.status, record: answer.headers.get('behalf-record'), text });
  return text;
}

async function workOnEachLine(tools) {
  const functions = await listed(tools);
  for await (const instruction of createInterface({ input: process.stdin })) {
    try {
      await work(instruction, tools, functions);
      say('done', { instruction });
    } catch (failure) {
      say('failed', { instruction, status: failure.status, error: failure.error, message: failure.message });
    }
  }
}

const tools = await connect();
await workOnEachLine(tools);
await tools.close();
