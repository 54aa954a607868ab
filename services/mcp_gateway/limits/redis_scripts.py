"""The scripts that count calls in Redis. All keys of one call lie in one slot of a cluster.

Each script has an effect once for each call id: a command whose answer was lost can be repeated.
"""

RESERVE = """
-- Keys: intents, payloads, running, units, then one for each bucket.
-- now (0 for Redis's clock, microseconds), call id, lease (ms), payload, units, most running (-1: any),
-- expiry of the units (Unix seconds), whether uncounted calls pass, number of quotas, number of
-- counters; then counter and most for each quota, each counter, interval and burst for each bucket.
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local id, units = ARGV[2], tonumber(ARGV[5])
if redis.call('ZSCORE', KEYS[1], id) then return {'reserved'} end
local quotas, counters = tonumber(ARGV[9]), tonumber(ARGV[10])
local place = 11
if ARGV[8] == '0' and redis.call('HEXISTS', KEYS[4], 'seeded') == 0 then return {'unseeded'} end
local state = {'reserved', '0'}
for n = 1, quotas do
  local used = tonumber(redis.call('HGET', KEYS[4], ARGV[place]) or 0)
  state[n + 2] = string.format('%.0f', used + units)
  if used + units > tonumber(ARGV[place + 1]) then
    return {'exhausted', ARGV[place], string.format('%.0f', used)}
  end
  place = place + 2
end
local most = tonumber(ARGV[6])
if most >= 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now / 1000)
  if redis.call('ZCARD', KEYS[3]) >= most then return {'running'} end
end
local taken = {}
for i = 5, #KEYS do
  local at = place + counters + 2 * (i - 5)
  local interval, burst = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local full_until = math.max(tonumber(redis.call('GET', KEYS[i]) or 0), now) + interval
  local wait = full_until - interval * burst - now
  if wait > 0 then return {'full', i - 5, string.format('%.0f', wait)} end
  taken[i] = full_until
end
for i = 5, #KEYS do
  local left = math.ceil((taken[i] - now) / 1000) + 1
  redis.call('SET', KEYS[i], string.format('%.0f', taken[i]), 'PX', left)
end
if taken[5] then state[2] = string.format('%.0f', taken[5] - now) end
local due = math.floor(now / 1000) + tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], due, id)
redis.call('HSET', KEYS[2], id, units .. ' ' .. ARGV[4])
if most >= 0 then
  redis.call('ZADD', KEYS[3], due, id)
  -- Never sooner than before: a longer call may still run.
  local lease = tonumber(ARGV[3])
  if redis.call('PTTL', KEYS[3]) < lease then redis.call('PEXPIRE', KEYS[3], lease) end
end
if units > 0 then
  for i = place, place + counters - 1 do redis.call('HINCRBY', KEYS[4], ARGV[i], units) end
  redis.call('EXPIREAT', KEYS[4], ARGV[7])
end
return state
"""

SETTLE = """
-- Keys: intents, payloads, running, units, given back, counted late, calls.
-- now (0 for Redis's clock, microseconds), call id, cost, whether the units were counted, event,
-- expiry of the units (Unix seconds), most entries of the stream, then each counter.
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local id, cost, owed = ARGV[2], tonumber(ARGV[3]), 0
if redis.call('ZREM', KEYS[1], id) == 1 then
  owed = cost - tonumber(string.match(redis.call('HGET', KEYS[2], id) or '0', '^%d+'))
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
elseif redis.call('ZREM', KEYS[5], id) == 1 then
  owed = cost
elseif ARGV[4] == '0' then
  if redis.call('ZADD', KEYS[6], 'NX', now / 1000, id) == 1 then owed = cost end
  redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', now / 1000 - 86400000)
end
if owed ~= 0 then
  for i = 8, #ARGV do redis.call('HINCRBY', KEYS[4], ARGV[i], owed) end
  redis.call('EXPIREAT', KEYS[4], ARGV[6])
end
-- The event waits on the gateway's disk if no worker reads the stream; its units are counted by now.
if redis.call('XLEN', KEYS[7]) >= tonumber(ARGV[7]) then return {'full'} end
redis.call('XADD', KEYS[7], '*', 'events', '[' .. ARGV[5] .. ']')
return {'settled'}
"""

REAP = """
-- Keys: intents, payloads, running, units, given back, calls.
-- now (0 for Redis's clock, microseconds), call id, event, then each counter.
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local id = ARGV[2]
local due = redis.call('ZSCORE', KEYS[1], id)
if not due or tonumber(due) > now / 1000 then return {'settled'} end
local units = tonumber(string.match(redis.call('HGET', KEYS[2], id) or '0', '^%d+'))
redis.call('ZREM', KEYS[1], id)
redis.call('HDEL', KEYS[2], id)
redis.call('ZREM', KEYS[3], id)
if units > 0 and redis.call('EXISTS', KEYS[4]) == 1 then
  for i = 4, #ARGV do redis.call('HINCRBY', KEYS[4], ARGV[i], -units) end
end
redis.call('ZADD', KEYS[5], now / 1000, id)
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now / 1000 - 604800000)
redis.call('XADD', KEYS[6], '*', 'events', '[' .. ARGV[3] .. ']')
return {'reaped'}
"""

SEED = """
-- Keys: units. Expiry (Unix seconds), then counter and units, repeatedly.
if redis.call('HEXISTS', KEYS[1], 'seeded') == 1 then return {'seeded'} end
for i = 2, #ARGV, 2 do
  -- Calls that were counted before the ledger was read may already be in it.
  local counted = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0)
  if tonumber(ARGV[i + 1]) > counted then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('HSET', KEYS[1], 'seeded', 1)
redis.call('EXPIREAT', KEYS[1], ARGV[1])
return {'seeded'}
"""

TAKE = """
-- Keys: one for each bucket. now (0 for Redis's clock, microseconds), interval and burst for each.
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local taken = {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local full_until = math.max(tonumber(redis.call('GET', key) or 0), now) + interval
  local wait = full_until - interval * burst - now
  if wait > 0 then return {i, string.format('%.0f', wait)} end
  taken[i] = full_until
end
for i, key in ipairs(KEYS) do
  local left = math.ceil((taken[i] - now) / 1000) + 1
  redis.call('SET', key, string.format('%.0f', taken[i]), 'PX', left)
end
return {0, '0'}
"""
