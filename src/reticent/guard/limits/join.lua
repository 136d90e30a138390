-- Brings a replica and the store to one view of what was spent.
--
-- An epoch is a time in which the store forgot nothing: it ends when the store is found empty, or
-- runs as another process than before (it may have come back from an older file). A new epoch opens
-- for admissions once every member (a replica that ever joined) has told what it last saw.
--
-- KEYS  epoch, members, seeded; for "seed" and "book" also the scopes.
-- ARGV[1]  what to do:
--   join   name, run id of the server, id for a new epoch, epoch the replica last saw, members
--   seed   for each scope: lifetime rows, number of windows; for each its sub-windows and rows
--   seeded name
--   accept
--   book   for each scope: rows, units per row
-- Returns for join, seeded and accept: {epoch, "1" if the replica has to seed, "1" if open, members}.
local BUCKETS = 32
local epoch, members, seeded = KEYS[1], KEYS[2], KEYS[3]
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

local function whole(x) return string.format('%.0f', x) end

local function settle(name)
  local missing = redis.call('SDIFF', members, seeded)
  redis.call('HSET', epoch, 'open', #missing == 0 and '1' or '0')
  local own = name and redis.call('SISMEMBER', seeded, name) == 0
  return {
    redis.call('HGET', epoch, 'id'),
    own and '1' or '0',
    #missing == 0 and '1' or '0',
    redis.call('SMEMBERS', members),
  }
end

-- Adds rows to a window's present sub-window; what is too old goes when it is next asked.
local function pour(key, field, rows)
  local w = tonumber(field)
  local current = tonumber(redis.call('HGET', key, 'c' .. field))
  local bucket = math.floor(now / w)
  if not current then
    current = bucket
    redis.call('HSET', key, 'c' .. field, whole(current))
  elseif bucket > current then
    for b = current - BUCKETS, math.min(current, bucket - BUCKETS - 1) do
      local name = 'b' .. field .. ':' .. whole(b)
      local old = tonumber(redis.call('HGET', key, name)) or 0
      redis.call('HDEL', key, name)
      redis.call('HINCRBY', key, 't' .. field, whole(-old))
    end
    current = bucket
    redis.call('HSET', key, 'c' .. field, whole(current))
  end
  redis.call('HINCRBY', key, 'b' .. field .. ':' .. whole(current), whole(rows))
  redis.call('HINCRBY', key, 't' .. field, whole(rows))
  local ttl = redis.call('PTTL', key)
  local keep = math.ceil((BUCKETS + 2) * w / 1000)
  if redis.call('HEXISTS', key, 'n') == 0 and ttl < keep then
    redis.call('PEXPIRE', key, whole(keep))
  end
end

if ARGV[1] == 'join' then
  local name, run, fresh, last = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
  local had = redis.call('HMGET', epoch, 'id', 'run')
  if had[2] ~= run then
    redis.call('DEL', seeded)
    redis.call('HSET', epoch, 'id', fresh, 'run', run, 'empty', had[1] and '0' or '1', 'open', '0')
    redis.call('HDEL', epoch, 'accepted')
  end
  redis.call('SADD', members, name)
  if redis.call('HGET', epoch, 'accepted') ~= '1' and redis.call('SISMEMBER', seeded, name) == 0 then
    for i = 6, #ARGV do redis.call('SADD', members, ARGV[i]) end
  end
  if last == '' or last == redis.call('HGET', epoch, 'id') then
    redis.call('SADD', seeded, name)
  end
  return settle(name)
elseif ARGV[1] == 'seeded' then
  redis.call('SADD', seeded, ARGV[2])
  return settle(ARGV[2])
elseif ARGV[1] == 'accept' then
  for _, gone in ipairs(redis.call('SDIFF', members, seeded)) do
    redis.call('SREM', members, gone)
  end
  redis.call('HSET', epoch, 'accepted', '1')
  return settle()
elseif ARGV[1] == 'seed' then
  local state = redis.call('HMGET', epoch, 'id', 'empty')
  local a = 2
  for i = 4, #KEYS do
    local key = KEYS[i]
    local base_of = redis.call('HGET', key, 'e')
    -- What stood here before anybody seeded: nothing, if the store was empty (rows counted by now
    -- were spent after the loss and come on top), else what it remembered.
    local function merge(total, base_field, mark)
      local base = base_of == state[1] and tonumber(redis.call('HGET', key, base_field))
      if not base then base = state[2] == '1' and 0 or total end
      redis.call('HSET', key, base_field, whole(math.max(base, mark)))
      return math.max(0, mark - base)
    end
    local spent, windows = tonumber(ARGV[a]), tonumber(ARGV[a + 1])
    a = a + 2
    if spent > 0 then
      local total = tonumber(redis.call('HGET', key, 'n')) or 0
      redis.call('HSET', key, 'n', whole(total + merge(total, 'm', spent)))
      redis.call('PERSIST', key)
    end
    for _ = 1, windows do
      local field, rows = ARGV[a], tonumber(ARGV[a + 1])
      a = a + 2
      pour(key, field, 0)
      local more = merge(tonumber(redis.call('HGET', key, 't' .. field)), 'm' .. field, rows)
      if more > 0 then pour(key, field, more) end
    end
    redis.call('HSET', key, 'e', state[1])
  end
  return 'OK'
elseif ARGV[1] == 'book' then
  for i = 4, #KEYS do
    local key, rows, unit = KEYS[i], tonumber(ARGV[2 * i - 6]), tonumber(ARGV[2 * i - 5])
    if redis.call('HEXISTS', key, 'n') == 1 then redis.call('HINCRBY', key, 'n', whole(rows)) end
    for _, field in ipairs(redis.call('HKEYS', key)) do
      if string.sub(field, 1, 1) == 't' then pour(key, string.sub(field, 2), rows) end
    end
    local had = redis.call('HMGET', key, 'l', 'a', 'u')
    if unit > 0 and (not had[3] or tonumber(had[3]) == unit) then
      local level = (tonumber(had[1]) or 0) + rows * unit
      redis.call('HSET', key, 'l', whole(level), 'a', had[2] or whole(now), 'u', whole(unit))
      if redis.call('PTTL', key) == -1 and redis.call('HEXISTS', key, 'n') == 0 then
        redis.call('PEXPIRE', key, 86400000)
      end
    end
  end
  return 'OK'
end
return redis.error_reply('ERR unknown work')
