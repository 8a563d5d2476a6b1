-- Requests as a load balancer passes them on: each has another target, client address, trace id and cookie, 13 fields
-- in all. `wrk ... URL` sends GETs; `wrk ... URL -- post` sends POSTs with 2 KB of JSON and two fields more.
local agents = {
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
  "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
}
local prepared, count, at = {}, 20000, 0

local function hex(digits)
  local text = ""
  for _ = 1, digits / 4 do text = text .. string.format("%04x", math.random(0, 65535)) end
  return text
end

local function fields(number)
  return {
    "X-Forwarded-For: " .. string.format("203.0.%d.%d", math.random(0, 255), math.random(0, 255)),
    "X-Forwarded-Proto: https", "X-Forwarded-Port: 443", "Host: shop.example",
    "X-Amzn-Trace-Id: Root=1-" .. hex(8) .. "-" .. hex(12) .. string.format("%012x", number),
    "User-Agent: " .. agents[math.random(#agents)],
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language: de-DE,de;q=0.9,en;q=0.8", "Accept-Encoding: gzip, deflate, br, zstd",
    "Cookie: session=" .. hex(24) .. "; cart=" .. hex(8) .. "; consent=1; theme=dark",
    "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Cache-Control: max-age=0",
  }
end

local function json(number)
  local text = string.format('{"order": %d, "lines": ["%s', number, hex(8))
  while #text < 2036 do text = text .. '", "' .. hex(8) end
  return text .. '"]}'
end

function init(args)
  local posts = args[1] == "post"
  local path = wrk.path or "/"
  for number = 1, count do
    local lines, body = fields(number), ""
    if posts then
      body = json(number)
      lines[#lines + 1] = "Content-Type: application/json"
      lines[#lines + 1] = "Content-Length: " .. #body
    end
    local line = (posts and "POST " or "GET ") .. path .. "?u=" .. number .. "x" .. hex(8) .. " HTTP/1.1\r\n"
    prepared[number] = line .. table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
  end
end

function request()
  at = at % count + 1
  return prepared[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("measured %d %d %d %d %d %d\n", summary.requests, summary.duration,
    errors.status + errors.read + errors.write + errors.timeout + errors.connect,
    latency:percentile(50), latency:percentile(99), latency.max))
end
