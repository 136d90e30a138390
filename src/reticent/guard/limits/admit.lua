-- Decides a batch of requests, one after the other, each in all of its scopes or in none.
--
-- KEYS[1]    the epoch (see join.lua).
-- KEYS[2...] scopes, each once for each plan that counts it.
-- ARGV[1]    doubles: releases, renewals, requests, lease of a slot in microseconds, groups; for each
--   group of scopes, how many and their numbers; the group of each release and of each renewal; rows
--   and group of each request.
-- ARGV[2]    the epoch that the replica has joined.
-- ARGV[3]    doubles, the plan of each scope: units per row, units per microsecond, room (see gcra.py),
--   lifetime rows, slots (-1 for no limit), number of windows, and for each its rows and the length of
--   its sub-windows.
-- ARGV[4...] tickets of the releases, renewals and requests ("" for one without slots).
-- Returns "" if the epoch is another or not open; else doubles: for each request outcome (0 for
--   granted), wait in microseconds (-1 for ever) and which of its scopes refused; then for each scope
--   with budgets that last, 1 if anything was booked on it, lifetime rows (-1 if none are counted) and
--   the windows'.
--
-- What is known of a scope is read once and written once, however many requests of the batch count on
-- it: numbers go as they are, which Redis writes with all their digits.
local BUCKETS, BUSY_US, NEVER = 32, 1000000, -1
local RATE, CONCURRENT, LIFETIME, ROLLING, TOO_MANY = 1, 2, 3, 4, 5
local GRANTED = struct.pack('<ddd', 0, 0, 0)

local epoch = redis.call('HMGET', KEYS[1], 'id', 'open')
if epoch[1] ~= ARGV[2] or epoch[2] ~= '1' then return '' end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

local function whole(x) return string.format('%.0f', x) end

local plans = {}
do
  local blob, at = ARGV[3], 1
  for i = 1, #KEYS - 1 do
    local plan, windows = {windows = {}}, 0
    plan.unit, plan.drain, plan.room, plan.lifetime, plan.slots, windows, at =
      struct.unpack('<dddddd', blob, at)
    for j = 1, windows do
      local most, w
      most, w, at = struct.unpack('<dd', blob, at)
      plan.windows[j] = {most = most, w = w, field = whole(w)}
    end
    plans[i] = plan
  end
end

local states, order = {}, {}

-- Returns what is known of a scope, as of the last request that was granted.
local function state_of(i)
  local key = KEYS[i + 1]
  local s = states[key]
  if not s then
    local had = redis.call('HMGET', key, 'l', 'a', 'n', 'u', 'd')
    s = {
      key = key, level = tonumber(had[1]) or 0, last = tonumber(had[2]) or 0,
      spent = tonumber(had[3]), unit = tonumber(had[4]), drain = tonumber(had[5]),
      keep = 0, windows = {}, tickets = {},
    }
    s.counted, s.old_unit, s.old_drain = s.spent ~= nil, s.unit, s.drain
    states[key] = s
    order[#order + 1] = s
  end
  return s
end

-- Returns a window of a scope, after forgetting its sub-windows that are too old.
local function window_of(s, w, field)
  local v = s.windows[field]
  if v then return v end
  local had = redis.call('HMGET', s.key, 'c' .. field, 't' .. field)
  local current, total, bucket = tonumber(had[1]), tonumber(had[2]), math.floor(now / w)
  if not current then
    current, total = bucket, 0
  elseif bucket > current then
    local fields = {}
    for b = current - BUCKETS, math.min(current, bucket - BUCKETS - 1) do
      fields[#fields + 1] = 'b' .. field .. ':' .. whole(b)
    end
    if #fields > 0 then
      for _, rows in ipairs(redis.call('HMGET', s.key, unpack(fields))) do
        total = total - (tonumber(rows) or 0)
      end
      redis.call('HDEL', s.key, unpack(fields))
    end
    redis.call('HSET', s.key, 'c' .. field, bucket, 't' .. field, total)
    current = bucket
  end
  v = {current = current, total = total, added = 0}
  s.windows[field] = v
  return v
end

local function window_wait(s, w, field, v, over)
  for b = v.current - BUCKETS, v.current do
    over = over - (tonumber(redis.call('HGET', s.key, 'b' .. field .. ':' .. whole(b))) or 0)
    if b == v.current then over = over - v.added end
    if over <= 0 then return math.max(1, (b + BUCKETS + 1) * w - now) end
  end
  return NEVER
end

local function slots_of(s)
  if not s.slots then
    redis.call('ZREMRANGEBYSCORE', s.key .. ':slots', '-inf', now)
    s.slots = redis.call('ZCARD', s.key .. ':slots')
  end
  return s.slots
end

local lease

local function decide(rows, group, ticket)
  local wait, culprit, reason = 0, 0, 0
  local levels = {}
  for i = 1, #group do
    local plan, s = plans[group[i]], state_of(group[i])
    local unit = plan.unit
    if unit > 0 then
      local level = s.level
      if s.unit and s.unit ~= unit then level = math.ceil(level * unit / s.unit) end
      level = math.max(0, level - math.max(0, now - s.last) * plan.drain)
      local poured = level + rows * unit
      if poured > plan.room then
        local over = poured - plan.room
        if over > level then return TOO_MANY, NEVER, i end
        local needs = math.ceil(over / plan.drain)
        if needs > wait then wait, culprit, reason = needs, i, RATE end
      end
      levels[i] = poured
    end
    if plan.slots >= 0 and slots_of(s) >= plan.slots and wait < BUSY_US then
      wait, culprit, reason = BUSY_US, i, CONCURRENT
    end
    if plan.lifetime >= 0 and (s.spent or 0) + rows > plan.lifetime then
      return LIFETIME, NEVER, i
    end
    for _, each in ipairs(plan.windows) do
      if rows > each.most then return TOO_MANY, NEVER, i end
      local v = window_of(s, each.w, each.field)
      if v.total + rows > each.most then
        local needs = window_wait(s, each.w, each.field, v, v.total + rows - each.most)
        if needs > wait then wait, culprit, reason = needs, i, ROLLING end
      end
    end
  end
  if wait > 0 then return reason, wait, culprit end
  for i = 1, #group do
    local plan, s = plans[group[i]], state_of(group[i])
    plan.granted, s.booked = true, true
    if plan.unit > 0 then
      s.level, s.last = levels[i], math.max(now, s.last)
      s.unit, s.drain, s.rated = plan.unit, plan.drain, true
      s.keep = math.max(s.keep, levels[i] / plan.drain)
    end
    if plan.lifetime >= 0 then
      s.spent, s.lasting = (s.spent or 0) + rows, true
    end
    for _, each in ipairs(plan.windows) do
      local v = s.windows[each.field]
      v.total, v.added = v.total + rows, v.added + rows
      s.keep = math.max(s.keep, (BUCKETS + 2) * each.w)
    end
    if plan.slots >= 0 then
      s.slots = s.slots + 1
      s.tickets[#s.tickets + 1] = now + lease
      s.tickets[#s.tickets + 1] = ticket
    end
  end
  return 0, 0, 0
end

local function write(s)
  if #s.tickets > 0 then
    redis.call('ZADD', s.key .. ':slots', unpack(s.tickets))
    redis.call('PEXPIRE', s.key .. ':slots', math.ceil(lease / 1000) + 1000)
  end
  if not s.booked then return end
  local fields = {}
  local function put(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  if s.rated then
    put('l', s.level)
    put('a', s.last)
    if s.unit ~= s.old_unit then put('u', s.unit) end
    if s.drain ~= s.old_drain then put('d', s.drain) end
  end
  if s.lasting then put('n', s.spent) end
  for field, v in pairs(s.windows) do
    if v.added > 0 then
      put('c' .. field, v.current)
      put('t' .. field, v.total)
      redis.call('HINCRBY', s.key, 'b' .. field .. ':' .. whole(v.current), v.added)
    end
  end
  if #fields == 0 then return end
  redis.call('HSET', s.key, unpack(fields))
  if s.counted then return end
  if s.lasting then
    redis.call('PERSIST', s.key)
  else
    redis.call('PEXPIRE', s.key, math.ceil(s.keep / 1000) + 1000)
  end
end

local blob, at = ARGV[1], 1
local function number()
  local x
  x, at = struct.unpack('<d', blob, at)
  return x
end
local releases, renewals, requests = number(), number(), number()
lease = number()
local groups = {}
for g = 1, number() do
  local group = {}
  for i = 1, number() do group[i] = number() end
  groups[g] = group
end
local ticket = 3
local gone = {}
for r = 1, releases do
  ticket = ticket + 1
  for _, i in ipairs(groups[number()]) do
    if plans[i].slots >= 0 then
      gone[i] = gone[i] or {}
      table.insert(gone[i], ARGV[ticket])
    end
  end
end
for i, tickets in pairs(gone) do redis.call('ZREM', KEYS[i + 1] .. ':slots', unpack(tickets)) end
for r = 1, renewals do
  ticket = ticket + 1
  for _, i in ipairs(groups[number()]) do
    if plans[i].slots >= 0 then
      redis.call('ZADD', KEYS[i + 1] .. ':slots', now + lease, ARGV[ticket])
      redis.call('PEXPIRE', KEYS[i + 1] .. ':slots', math.ceil(lease / 1000) + 1000)
    end
  end
end
local out = {}
for r = 1, requests do
  ticket = ticket + 1
  local rows, group
  rows, group, at = struct.unpack('<dd', blob, at)
  local reason, wait, culprit = decide(rows, groups[group], ARGV[ticket])
  out[r] = reason == 0 and GRANTED or struct.pack('<ddd', reason, wait, culprit)
end
for _, s in ipairs(order) do write(s) end
for i, plan in ipairs(plans) do
  if plan.lifetime >= 0 or #plan.windows > 0 then
    local s = states[KEYS[i + 1]]
    out[#out + 1] = struct.pack('<d', plan.granted and 1 or 0)
    out[#out + 1] = struct.pack('<d', plan.granted and plan.lifetime >= 0 and s.spent or -1)
    for _, each in ipairs(plan.windows) do
      out[#out + 1] = struct.pack('<d', plan.granted and s.windows[each.field].total or 0)
    end
  end
end
return table.concat(out)
