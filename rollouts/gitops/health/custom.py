"""The user's own health rules, in Lua: `obj` in, `{status, message}` out.

A script sees the object and the pure parts of the language; it can neither read a file nor load code, and it ends after
a number of instructions and within some memory, whatever it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import lupa.lua54 as lua

from rollouts.gitops.health.model import Health, Status
from rollouts.gitops.health.table import Check
from rollouts.kube.ref import Manifest

MEMORY_BYTES_MAX = 16 * 1024 * 1024
INSTRUCTIONS_MAX = 2_000_000
SCRIPT_BYTES_MAX = 64 * 1024
DEPTH_MAX = 64

_SANDBOX = """
local text, limit = ...

-- A search goes on inside one instruction, so its work is bounded by what it is given.
local function bounded(search)
  return function(subject, pattern, ...)
    local _, quantifiers = string.gsub(tostring(pattern), '[*+?-]', '')
    if #tostring(subject) > 4096 or quantifiers > 2 then error('a pattern that could run for long', 0) end
    return search(subject, pattern, ...)
  end
end

local env = {
  assert = assert, error = error, ipairs = ipairs, next = next, pairs = pairs, pcall = pcall, select = select,
  tonumber = tonumber, tostring = tostring, type = type, math = math, utf8 = utf8,
  unpack = table.unpack,  -- where Lua 5.1 has it, for which such rules are written
  table = {
    concat = table.concat, insert = table.insert, remove = table.remove, sort = table.sort, unpack = table.unpack,
  },
  string = {
    byte = string.byte, char = string.char, find = bounded(string.find), format = string.format,
    gmatch = bounded(string.gmatch), gsub = bounded(string.gsub), len = string.len, lower = string.lower,
    match = bounded(string.match), reverse = string.reverse, sub = string.sub, upper = string.upper,
  },
}
-- A method on a text (s:rep) must not lead out of the box either.
getmetatable('').__index = env.string
local chunk, complaint = load(text, 'health', 't', env)
if not chunk then error(complaint, 0) end
return function(obj)
  -- What a script leaves in its globals says nothing about the next object.
  local globals = {obj = obj}
  for name, value in pairs(env) do globals[name] = value end
  debug.setupvalue(chunk, 1, globals)
  local run = coroutine.create(chunk)
  local function stop()
    debug.sethook(run, stop, '', 1)  -- from now on at every instruction: no pcall gets past it
    error('too many instructions', 0)
  end
  debug.sethook(run, stop, '', limit)
  local ok, found = coroutine.resume(run)
  if not ok then error(found, 0) end
  return found
end
"""


def compile_check(script: str) -> Check:
    """A health rule from its script. Raises ValueError where it is no Lua."""
    if len(script.encode()) > SCRIPT_BYTES_MAX:
        raise ValueError(f"a health script is larger than {SCRIPT_BYTES_MAX >> 10} KiB")
    runtime = lua.LuaRuntime(
        unpack_returned_tuples=True,
        register_eval=False,
        register_builtins=False,
        attribute_filter=_no_attribute,
        max_memory=MEMORY_BYTES_MAX,
    )
    try:
        call = runtime.compile(_SANDBOX)(script, INSTRUCTIONS_MAX)
    except lua.LuaError as error:
        raise ValueError(_line(error)) from None

    def check(live: Manifest) -> Health:
        try:
            found = call(_to_lua(runtime, live, 0))
        except (lua.LuaError, MemoryError) as error:
            return Health(Status.UNKNOWN, f"the health script broke: {_line(error)}")
        return _read(found)

    return check


@lru_cache(maxsize=256)
def known_check(script: str) -> Check | None:
    """The rule of a script, compiled once; None where it is no Lua."""
    try:
        return compile_check(script)
    except ValueError:
        return None


def _no_attribute(obj: object, name: object, is_setting: bool) -> str:
    raise AttributeError("a script reaches no Python")


def _to_lua(runtime: Any, value: Any, depth: int) -> Any:
    if depth > DEPTH_MAX:
        return None
    if isinstance(value, Mapping):
        table = runtime.table()
        for name, inner in value.items():
            if inner is not None:
                table[str(name)] = _to_lua(runtime, inner, depth + 1)
        return table
    if isinstance(value, list | tuple):
        return runtime.table(*(_to_lua(runtime, inner, depth + 1) for inner in value))
    return value


def _read(found: Any) -> Health:
    status = found["status"] if lua.lua_type(found) == "table" else None
    message = found["message"] if lua.lua_type(found) == "table" else None
    try:
        return Health(Status(str(status)), str(message or "")[:1024])
    except ValueError:
        return Health(Status.UNKNOWN, "the health script gave no status that is known")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
