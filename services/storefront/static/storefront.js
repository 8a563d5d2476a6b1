// Places an order, and shows the workers' progress from the order's server-sent events.

const form = document.querySelector("#order");
const said = document.querySelector("#said");
const table = document.querySelector("#progress");
let events = null;

form.addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const { customer_id, email, sku, quantity } = Object.fromEntries(new FormData(form));
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
    said.textContent = [answer.detail, ...errors].join("; ");
  }
});

// The shop streams the progress of an order that a worker has begun: before that, it is asked now and then.
async function watch(order) {
  events?.close();
  said.textContent = `Order ${order.order_id}, ${order.total.amount} ${order.total.currency}: the workers have begun.`;
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
    said.textContent = `Order ${order.order_id}: everything is done.`;
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
    for (const text of [worker, state, detail]) {
      row.insertCell().textContent = text;
    }
    return row;
  });
  table.querySelector("tbody").replaceChildren(...rows);
}
