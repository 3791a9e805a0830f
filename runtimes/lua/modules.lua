-- The `module` interface: a call names a file below the function's folder and a function in it (runtimes/CONTRACT.md).
local part = ...
local json, frames, versions = part('json'), part('frames'), part('versions')
local modules = {}

local function missing(what)
  frames.fail('FUNCTION_NOT_FOUND', what)
end

-- Are all parts of it names?
local function is_path(name)
  for piece in (name .. '.'):gmatch('(.-)[./]') do
    if not piece:find('^%a[%w_]*$') then return false end
  end
  return true
end

-- The file is run once, with globals of its own: names of two files do not meet. Its functions are those of the table that it returns, or else its globals.
local function load_file(dir, name)
  local base = dir .. '/' .. name:gsub('%.', '/')
  for _, path in ipairs({base .. '.lua', base .. '/init.lua'}) do
    local file = io.open(path, 'rb')
    if file then
      file:close()
      local globals = setmetatable({}, {__index = _G})
      local chunk, problem = loadfile(path, 't', globals)
      if not chunk then error(problem, 0) end
      local value = chunk(name, path)
      return type(value) == 'table' and value or globals
    end
  end
  missing('there is no module ' .. name .. ' in ' .. dir)
end

-- What calls the function that a call's facts name.
function modules.of(dir)
  local loaded = {}
  return function(facts, args)
    if not json.is_list(args) then frames.fail('INVALID_INPUT', 'the arguments are not a list') end
    local name, wanted = tostring(facts.module), tostring(facts['function'])
    if not is_path(name) then missing('"' .. name .. '" is not the name of a module') end
    loaded[name] = loaded[name] or load_file(dir, name)
    local found = wanted:find('^%a[%w_]*$') and rawget(loaded[name], wanted)
    if type(found) ~= 'function' then missing('the module ' .. name .. ' has no function ' .. wanted) end
    local given, count = {}, #args
    for at = 1, count do
      if args[at] ~= json.null then given[at] = args[at] end
    end
    return found(versions.unpack(given, 1, count))
  end
end

return modules
