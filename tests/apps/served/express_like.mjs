// A server in the manner of express: middlewares and routes over node's own http. node express_like.mjs PORT
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";

const routes = new Map();
const on = (method, path, handler) => routes.set(`${method} ${path}`, handler);
const json = (response, status, value) => {
  const body = JSON.stringify(value);
  response.writeHead(status, { "Content-Type": "application/json; charset=utf-8", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
};
const body = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
};

on("GET", "/", (request, response) => response.end("hello from node"));
on("GET", "/json", (request, response) => json(response, 200, { query: request.url.split("?")[1] ?? "" }));
on("POST", "/echo", async (request, response) => {
  response.writeHead(200, { "Content-Type": request.headers["content-type"] ?? "application/octet-stream" });
  response.end(await body(request));
});
on("POST", "/length", async (request, response) => json(response, 201, { length: (await body(request)).length }));
on("GET", "/chunks", async (request, response) => {
  for (let number = 0; number < 10; number += 1) response.write(`chunk ${number}\n`);
  response.end();
});
on("GET", "/cookies", (request, response) => {
  response.setHeader("Set-Cookie", ["a=1; Path=/", "b=2; HttpOnly"]);
  json(response, 200, { cookie: request.headers.cookie ?? "" });
});
on("GET", "/gzip", (request, response) => {
  response.writeHead(200, { "Content-Encoding": "gzip", Vary: "Accept-Encoding" });
  response.end(gzipSync("packed ".repeat(500)));
});
on("GET", "/moved", (request, response) => response.writeHead(302, { Location: "/json?a=b" }).end());
on("GET", "/none", (request, response) => response.writeHead(204).end());
on("GET", "/hints", (request, response) => {
  response.writeEarlyHints({ link: "</style.css>; rel=preload" });
  response.end("hinted");
});
on("GET", "/trailers", (request, response) => {
  response.writeHead(200, { Trailer: "x-checksum", "Content-Type": "text/plain" });
  response.write("with trailers");
  response.addTrailers({ "x-checksum": "abc" });
  response.end();
});

createServer(async (request, response) => {
  const method = request.method === "HEAD" ? "GET" : request.method;
  const handler = routes.get(`${method} ${request.url.split("?")[0]}`);
  if (handler === undefined) json(response, 404, { error: "no such route" });
  else await handler(request, response);
}).listen(Number(process.argv[2]), "127.0.0.1");
