local M = {}

-- The sum of all.
function M.total(items)
  return sum(items)
end

function M:count()
  return #self.items
end

local function load(key)
  return fetch(key)
end

M.save = function(cart)
  store(cart)
end

return M
