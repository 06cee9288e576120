-- Calls with an id of their own each, at a steady rate: so many connections, each with a call every so many milliseconds.
-- wrk ... -s audit.lua URL -- TOKEN MILLISECONDS

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init(args)
  count, pause = 0, tonumber(args[2])
  headers = {
    ["host"] = "bus.shop.example", ["content-type"] = "application/cloudevents+json", ["authorization"] = args[1],
  }
end

function delay()
  return pause
end

function request()
  count = count + 1
  local id = "load-" .. number .. "-" .. count
  headers["x-request-id"] = id
  local event = '{"specversion":"1.0","id":"' .. id .. '","source":"/shop/cart","type":"com.shop.cart.ItemAdded","data":1}'
  return wrk.format("POST", "/events/carts", headers, event)
end

function done(summary, latency, _)
  io.write(string.format("%d calls, %d not admitted, %d broken; p50 %.1f ms, p99 %.1f ms\n", summary.requests, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
