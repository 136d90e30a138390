-- Decides a batch of requests, one after the other, each in all of its scopes or in none.
--
-- KEYS[1]  the epoch (see join.lua); KEYS[2...] scopes of releases, renewals, then of requests.
-- ARGV[1]  doubles: releases, renewals, requests, lease of a slot in microseconds.
-- ARGV[2]  the epoch that the replica has joined.
-- ARGV[3...]  the ticket of each release and renewal; then a request each: doubles rows, scopes, then for each scope units per row, units per
--   microsecond, room (see gcra.py), lifetime rows, slots (-1 for no limit), number of windows and
--   for each its rows and the length of its sub-windows; then the name of its ticket, if any;
--   behind these the ticket of each release and renewal.
-- Returns "" if the epoch is another or not open; else doubles, for each request: outcome (0 for
--   granted), wait in microseconds (-1 for ever), number of the scope that refused; if granted, for
--   each scope with budgets that last: lifetime rows (-1 if none are counted) and the windows'.
local BUCKETS, BUSY_US, NEVER = 32, 1000000, -1
local RATE, CONCURRENT, LIFETIME, ROLLING, TOO_MANY = 1, 2, 3, 4, 5

local epoch = redis.call('HMGET', KEYS[1], 'id', 'open')
if epoch[1] ~= ARGV[2] or epoch[2] ~= '1' then return '' end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local releases, renewals, requests, lease = struct.unpack('<dddd', ARGV[1])
local k = 2
local out = {}

local function whole(x) return string.format('%.0f', x) end

-- Returns the rows in a window, after forgetting its sub-windows that are too old.
local function advance(key, w, field, current, total, bucket)
  if not current then return bucket, 0 end
  current, total = tonumber(current), tonumber(total)
  if bucket <= current then return current, total end
  local fields = {}
  for b = current - BUCKETS, math.min(current, bucket - BUCKETS - 1) do
    fields[#fields + 1] = 'b' .. field .. ':' .. whole(b)
  end
  if #fields > 0 then
    for _, rows in ipairs(redis.call('HMGET', key, unpack(fields))) do
      total = total - (tonumber(rows) or 0)
    end
    redis.call('HDEL', key, unpack(fields))
  end
  redis.call('HSET', key, 'c' .. field, whole(bucket), 't' .. field, whole(total))
  return bucket, total
end

local function window_wait(key, field, w, current, over)
  for b = current - BUCKETS, current do
    over = over - (tonumber(redis.call('HGET', key, 'b' .. field .. ':' .. whole(b))) or 0)
    if over <= 0 then return math.max(1, (b + BUCKETS + 1) * w - now) end
  end
  return NEVER
end

local function decide(blob)
  local rows, scopes, at = struct.unpack('<dd', blob)
  local wait, culprit, reason = 0, 0, 0
  local writes, slots, marks = {}, {}, {}
  local first = k
  k = k + scopes
  for i = 1, scopes do
    local key = KEYS[first + i - 1]
    local unit, drain, room, lifetime, concurrent, windows
    unit, drain, room, lifetime, concurrent, windows, at = struct.unpack('<dddddd', blob, at)
    local fields = {'l', 'a', 'n', 'u'}
    local sizes = {}
    for j = 1, windows do
      local most, w
      most, w, at = struct.unpack('<dd', blob, at)
      local field = whole(w)
      sizes[j] = {most, w, field}
      fields[#fields + 1] = 'c' .. field
      fields[#fields + 1] = 't' .. field
    end
    local had = redis.call('HMGET', key, unpack(fields))
    local write = {}
    local keep = 0
    local last = tonumber(had[2]) or 0
    if unit > 0 then
      local level = tonumber(had[1]) or 0
      local was = tonumber(had[4]) or unit
      if was ~= unit then level = math.ceil(level * unit / was) end
      level = math.max(0, level - math.max(0, now - last) * drain)
      local poured = level + rows * unit
      if poured > room then
        local over = poured - room
        if over > level then return TOO_MANY, NEVER, i end
        local needs = math.ceil(over / drain)
        if needs > wait then wait, culprit, reason = needs, i, RATE end
      end
      write = {'l', whole(poured), 'a', whole(math.max(now, last)), 'u', whole(unit), 'd', whole(drain)}
      keep = poured / drain
    end
    if concurrent >= 0 then
      redis.call('ZREMRANGEBYSCORE', key .. ':slots', '-inf', whole(now))
      if redis.call('ZCARD', key .. ':slots') >= concurrent and wait < BUSY_US then
        wait, culprit, reason = BUSY_US, i, CONCURRENT
      end
      slots[#slots + 1] = key .. ':slots'
    end
    local spent = tonumber(had[3])
    if lifetime >= 0 then
      if (spent or 0) + rows > lifetime then return LIFETIME, NEVER, i end
      write[#write + 1] = 'n'
      write[#write + 1] = whole((spent or 0) + rows)
      marks[#marks + 1] = (spent or 0) + rows
    elseif windows > 0 then
      marks[#marks + 1] = -1
    end
    for j = 1, windows do
      local most, w, field = unpack(sizes[j])
      if rows > most then return TOO_MANY, NEVER, i end
      local current, total =
        advance(key, w, field, had[3 + 2 * j], had[4 + 2 * j], math.floor(now / w))
      if total + rows > most then
        local needs = window_wait(key, field, w, current, total + rows - most)
        if needs > wait then wait, culprit, reason = needs, i, ROLLING end
      end
      write[#write + 1] = 'c' .. field
      write[#write + 1] = whole(current)
      write[#write + 1] = 't' .. field
      write[#write + 1] = whole(total + rows)
      write[#write + 1] = 'b' .. field
      write[#write + 1] = whole(current)
      marks[#marks + 1] = total + rows
      keep = math.max(keep, (BUCKETS + 2) * w)
    end
    writes[i] = {key, write, keep, lifetime >= 0, spent}
  end
  if wait > 0 then return reason, wait, culprit end
  for i = 1, scopes do
    local key, write, keep, lasting, spent = unpack(writes[i], 1, 5)
    local fields = {}
    for j = 1, #write, 2 do
      if string.sub(write[j], 1, 1) == 'b' then
        redis.call('HINCRBY', key, write[j] .. ':' .. write[j + 1], whole(rows))
      else
        fields[#fields + 1] = write[j]
        fields[#fields + 1] = write[j + 1]
      end
    end
    if #fields > 0 then
      redis.call('HSET', key, unpack(fields))
      if lasting then
        if not spent then redis.call('PERSIST', key) end
      elseif not spent then
        redis.call('PEXPIRE', key, whole(math.ceil(keep / 1000) + 1000))
      end
    end
  end
  if #slots > 0 then
    local ticket = string.sub(blob, at)
    for _, key in ipairs(slots) do
      redis.call('ZADD', key, whole(now + lease), ticket)
      redis.call('PEXPIRE', key, whole(math.ceil(lease / 1000) + 1000))
    end
  end
  return 0, 0, 0, marks
end

for r = 1, releases do
  redis.call('ZREM', KEYS[k] .. ':slots', ARGV[2 + r])
  k = k + 1
end
for r = 1, renewals do
  local key = KEYS[k] .. ':slots'
  redis.call('ZADD', key, whole(now + lease), ARGV[2 + releases + r])
  redis.call('PEXPIRE', key, whole(math.ceil(lease / 1000) + 1000))
  k = k + 1
end
for r = 1, requests do
  local reason, wait, culprit, marks = decide(ARGV[2 + releases + renewals + r])
  out[#out + 1] = struct.pack('<ddd', reason, wait, culprit)
  if marks then
    for _, rows in ipairs(marks) do out[#out + 1] = struct.pack('<d', rows) end
  end
end
return table.concat(out)
