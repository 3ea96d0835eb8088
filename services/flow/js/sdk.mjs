// Chats with the suite through OpenAI's SDK: node sdk.mjs BASE_URL SCENARIO USER. It prints
// what it got as JSON, for sdk_test.go.
import OpenAI from "openai";

const [baseURL, scenario, user] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "sk-daca", maxRetries: 0, timeout: 60_000 });

const ask = (content, more) => ({ model: "daca", user, messages: [{ role: "user", content }], ...more });

const scenarios = {
  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { ids, one: (await client.models.retrieve("daca")).id };
  },

  // The history is the client's.
  async chat() {
    const messages = [
      { role: "user", content: "My name is Ada." },
      { role: "assistant", content: "Hello, Ada!" },
      { role: "user", content: [{ type: "text", text: "What is my name?" }] },
    ];
    const answer = await client.chat.completions.create({ model: "daca", user, messages });
    const [choice] = answer.choices;
    return { text: choice.message.content, finish: choice.finish_reason, tokens: answer.usage.total_tokens };
  },

  // The suite's own tool is called in between.
  async stream() {
    const stream = await client.chat.completions.create(
      ask("What time is it?", { stream: true, stream_options: { include_usage: true } }),
    );
    let text = "";
    let chunks = 0;
    let finish;
    let tokens;
    for await (const chunk of stream) {
      const [choice] = chunk.choices;
      text += choice?.delta.content ?? "";
      chunks += choice?.delta.content ? 1 : 0;
      finish = choice?.finish_reason ?? finish;
      tokens = chunk.usage?.total_tokens ?? tokens;
    }
    return { text, chunks, finish, tokens };
  },

  // The SDK executes a tool of the client, and sends its result back. With streams, it puts
  // the call together from its chunks.
  async tools() {
    const get_tide = {
      type: "function",
      function: {
        name: "get_tide",
        description: "The next high tide of a harbour.",
        parameters: { type: "object", properties: { harbour: { type: "string" } } },
        parse: JSON.parse,
        function: ({ harbour }) => `11:40 in ${harbour}`,
      },
    };
    const request = ask('Please call get_tide with {"harbour": "Dover"}', { tools: [get_tide] });
    const whole = client.chat.completions.runTools(request);
    const streamed = client.chat.completions.runTools({ ...request, stream: true });
    return {
      text: await whole.finalContent(),
      streamed: await streamed.finalContent(),
      roles: streamed.messages.map((message) => message.role),
    };
  },

  async abort() {
    const controller = new AbortController();
    const words = Array.from({ length: 100 }, () => "a").join(" ");
    const stream = await client.chat.completions.create(ask(words, { stream: true }), { signal: controller.signal });
    let text = "";
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (text) controller.abort();
    }
    return { text };
  },

  async refused() {
    try {
      await client.chat.completions.create(ask("Hello", { model: "gpt-4o" }));
    } catch (error) {
      return { name: error.constructor.name, status: error.status, code: error.code, param: error.param };
    }
    return {};
  },
};

console.log(JSON.stringify(await scenarios[scenario]()));
