-- KEYS: the buckets. ARGV: for how many requests, then nine values a bucket:
--   1 how: 0 looks, 1 takes if there is enough, 2 takes anyway; 2 whether it binds: 0 or 1; 3 ticks in a microsecond;
--   then as microseconds and ticks of the next: 4, 5 the cost of one request; 6, 7 that of all; 8, 9 what the bucket holds.
-- Answers the time, for how many requests there was enough, and for each bucket when it would have been full.
--
-- Of a quota by the calendar, 3 is -1 for its day and -2 for its month, a token is a microsecond, and AT is the number of
-- the window: what was used in it does not come back before the next.
--
-- A bucket is kept as "AT WHOLE TICKS SCALE": at that time it was that short of being full. A clock that goes back
-- thus finds what there was, and no more.

local LAST = 9007199254740991 -- 2^53 - 1: what a double counts exactly
local ONE, ALL, HOLDS = 4, 6, 8

local function arg(bucket, number)
  return tonumber(ARGV[9 * bucket - 8 + number])
end

local function later(whole, ticks, more, more_ticks, scale)
  whole, ticks = whole + more, ticks + more_ticks
  if ticks >= scale then whole, ticks = whole + 1, ticks - scale end
  if whole > LAST then return LAST, 0 end
  return whole, ticks
end

-- The day, or the month, that it is.
local function window(scale)
  local day = math.floor(now / 86400000000)
  if scale == -1 then return day end
  -- Years begin with March, so that the leap day is their last one.
  local since = (day + 719468) % 146097
  local era = (day + 719468 - since) / 146097
  local year = math.floor((since - math.floor(since / 1460) + math.floor(since / 36524) - math.floor(since / 146096)) / 365)
  local of_year = since - 365 * year - math.floor(year / 4) + math.floor(year / 100)
  return (400 * era + year) * 12 + math.floor((5 * of_year + 2) / 153)
end

local nonsense = false
local full_at, full_ticks, moved, windows = {}, {}, {}, {}

for i, key in ipairs(KEYS) do
  local text = redis.call('GET', key)
  full_at[i], full_ticks[i] = now, 0
  if arg(i, 3) < 0 then windows[i] = window(arg(i, 3)) end
  if text then
    local at, whole, ticks, scale = string.match(text, '^(%d+) (%d+) (%d+) (%d+)$')
    at, whole, ticks, scale = tonumber(at), tonumber(whole), tonumber(ticks), tonumber(scale)
    if not at or at > LAST or whole > LAST or scale > LAST or ticks >= scale then
      nonsense = true
    elseif windows[i] then
      if scale == 1 and at >= windows[i] then full_at[i] = later(now, 0, whole, 0, 1) end
      -- One that is far ahead was written by a clock that was set right since.
      if scale == 1 and at == windows[i] + 1 then windows[i] = at end
    else
      -- Written for another quota: rounded up, so that no tick comes early.
      if scale ~= arg(i, 3) and ticks > 0 then whole, ticks = whole + 1, 0 end
      local full, rest = later(math.min(at, now), 0, whole, ticks, arg(i, 3))
      if full >= now then full_at[i], full_ticks[i] = full, rest end
      moved[i] = at > now
    end
  end
end
if nonsense then
  return redis.error_reply('NONSENSE a bucket holds what no rate limiter wrote')
end

local function after(i, cost)
  return later(full_at[i], full_ticks[i], arg(i, cost), arg(i, cost + 1), math.max(arg(i, 3), 1))
end

local function is_short(i, cost)
  local whole, ticks = after(i, cost)
  local most = now + arg(i, HOLDS)
  return whole > most or (whole == most and ticks > arg(i, HOLDS + 1))
end

local function refuses(cost)
  for i = 1, #KEYS do
    if arg(i, 2) == 1 and is_short(i, cost) then return true end
  end
  return false
end

local requests, cost = tonumber(ARGV[1]), ALL
if refuses(ALL) then
  requests, cost = (requests > 1 and not refuses(ONE)) and 1 or 0, ONE
end

local answer = { now, requests }
for i, key in ipairs(KEYS) do
  local how, whole, ticks = arg(i, 1), full_at[i], full_ticks[i]
  answer[2 * i + 1], answer[2 * i + 2] = whole, ticks
  local takes = requests > 0 and (how == 2 or (how == 1 and not is_short(i, cost)))
  if takes then whole, ticks = after(i, cost) end
  if (takes or moved[i]) and (whole > now or ticks > 0) then
    -- Kept for a second longer than it is needed: the clock by which keys expire is a coarse one.
    local text = string.format('%.0f %.0f %.0f %.0f', windows[i] or now, whole - now, ticks, math.max(arg(i, 3), 1))
    local left = windows[i] and 31 * 86400000 or math.floor((whole - now) / 1000)
    redis.call('SET', key, text, 'PX', string.format('%.0f', left + 1000))
  end
end
return answer
