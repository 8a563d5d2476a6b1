// Places an order, and shows the workers' progress from the order's server-sent events.

const form = document.querySelector("#order");
const said = document.querySelector("#said");
const table = document.querySelector("#progress");
const SIGNS = { done: "✓", pending: "…", "not due": "–" };
let events = null;

form.addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const { customer_id, email, sku, quantity } = Object.fromEntries(new FormData(form));
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await place(customer_id, email, sku, quantity);
  } catch (error) {
    say(`The shop cannot be reached: ${error.message}`, true);
  } finally {
    button.disabled = false;
  }
});

async function place(customer_id, email, sku, quantity) {
  const response = await fetch("/orders", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ customer_id, email, lines: [{ sku, quantity: Number(quantity) }] }),
  });
  const answer = await response.json();
  if (response.ok) {
    watch(answer);
  } else {
    const errors = (answer.errors || []).map((error) => `${error.field}: ${error.message}`);
    say([answer.detail, ...errors].join("; "), true);
  }
}

function say(text, failed = false) {
  said.textContent = text;
  said.toggleAttribute("data-failed", failed);
}

// The shop streams the progress of an order that a worker has begun: before that, it is asked now and then.
async function watch(order) {
  events?.close();
  say(`Order ${order.order_id}, ${order.total.amount} ${order.total.currency}: its event is on the bus.`);
  table.querySelector("caption").textContent = order.order_id;
  table.hidden = false;
  while (!(await begun(order))) {
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  if (table.querySelector("caption").textContent !== order.order_id) {
    return; // another order was placed meanwhile
  }
  events = new EventSource(order.events);
  events.addEventListener("progress", (event) => show(JSON.parse(event.data).workers));
  events.addEventListener("done", () => {
    events.close();
    say(`Order ${order.order_id}: everything is done.`);
  });
}

async function begun(order) {
  const response = await fetch(order.location, { cache: "no-store" });
  if (!response.ok) {
    return response.status === 404; // the stream says the same, and ends
  }
  const { workers } = await response.json();
  show(workers);
  return Object.values(workers).some(({ state }) => state === "done");
}

function show(workers) {
  const rows = Object.entries(workers).map(([worker, { state, detail }]) => {
    const row = document.createElement("tr");
    row.dataset.state = state;
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = worker;
    row.append(name);
    const mark = document.createElement("span");
    mark.className = "state";
    mark.textContent = `${SIGNS[state] ?? ""} ${state}`;
    row.insertCell().append(mark);
    row.insertCell().textContent = detail;
    return row;
  });
  table.querySelector("tbody").replaceChildren(...rows);
  const due = Object.values(workers).filter(({ state }) => state !== "not due");
  const done = due.filter(({ state }) => state === "done").length;
  document.querySelector("#bar").hidden = false;
  Object.assign(document.querySelector("#done"), { max: due.length, value: done });
  document.querySelector("#count").textContent = `${done} of ${due.length}`;
}
