-- multiwan's numbers for prometheus-node-exporter-lua, over ubus.
local ubus = require "ubus"

local function scrape()
  local bus = ubus.connect()
  if not bus then return false end
  local answer = bus:call("multiwan", "metrics", {})
  bus:close()
  if not answer then return false end
  local out, name = nil, nil
  -- Those of one name stand together: one header is for all of them.
  for _, m in ipairs(answer.metrics) do
    if m.name ~= name then
      out, name = metric(m.name, m.type), m.name
    end
    out(m.labels, m.value)
  end
end

return { scrape = scrape }
