-- Removes from Redis Streams what every consumer group has read and acknowledged,
-- and nothing else. KEYS are the streams. Returns one line of text for each of them.
-- It needs Redis 6.2 or later:
--
--   redis-cli --eval charts/daca/files/trim.lua messages users deadletters
--
-- Redis runs a script in one piece: nothing is read or published meanwhile. A stream
-- without groups is left alone, because its subscribers may still be on their way.

-- smaller compares decimal numbers of 64 bits, which a number of Lua cannot hold.
local function smaller(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

-- earlier reports whether the id a of an entry comes before the id b.
local function earlier(a, b)
  local a_time, a_number = a:match('^(%d+)-(%d+)$')
  local b_time, b_number = b:match('^(%d+)-(%d+)$')
  if a_time ~= b_time then return smaller(a_time, b_time) end
  return smaller(a_number, b_number)
end

-- needed returns the id of the earliest entry that the group has not acknowledged,
-- or nil if it has acknowledged all.
local function needed(stream, group, last_delivered)
  local first = redis.call('XPENDING', stream, group)[2]
  local unread = redis.call('XRANGE', stream, '(' .. last_delivered, '+', 'COUNT', 1)[1]
  if unread and (not first or earlier(unread[1], first)) then first = unread[1] end
  return first or nil
end

local function trim(stream)
  local groups = redis.call('XINFO', 'GROUPS', stream)
  if #groups == 0 then return 'left alone, it has no groups' end
  local first, waiting
  for _, fields in ipairs(groups) do
    local group = {}
    for i = 1, #fields, 2 do group[fields[i]] = fields[i + 1] end
    local id = needed(stream, group['name'], group['last-delivered-id'])
    if id and (not first or earlier(id, first)) then
      first = id
      waiting = group['name']
    end
  end
  if not first then
    return redis.call('XTRIM', stream, 'MAXLEN', 0) .. ' entries removed, none left'
  end
  local removed = redis.call('XTRIM', stream, 'MINID', first)
  return removed .. ' entries removed, ' .. redis.call('XLEN', stream) .. ' left for the group ' .. waiting
end

local lines = {}
for i, stream in ipairs(KEYS) do
  local is_stream = redis.call('TYPE', stream)['ok'] == 'stream'
  lines[i] = stream .. ': ' .. (is_stream and trim(stream) or 'left alone, it is no stream yet')
end
return lines
