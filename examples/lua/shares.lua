-- Work in the shares 3 : 1, as a profile should show it: called from Lua, in coroutines, and left by errors.
local rounds = tonumber(os.getenv("ROUNDS")) or 200

local function spin(n)
    local sum = 0
    for i = 1, n do
        sum = sum + i % 7
    end
    return sum
end

local function heavy()
    return spin(30000) + 0
end

local function light()
    return spin(10000) + 0
end

local function fails()
    light()
    error("expected")
end

local worker = coroutine.wrap(function()
    while true do
        heavy()
        coroutine.yield()
    end
end)

local function catches()
    pcall(fails)
    heavy()
end

for _ = 1, rounds do
    heavy()
    light()
    catches()
    light()
    worker()
    table.sort({ 3, 1, 2 }, function(a, b)
        return a < b
    end)
end
