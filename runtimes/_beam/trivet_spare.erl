%% A spare: a worker that was started before anybody asked for it. It has time: what user code uses most is loaded, and the way of a call has been gone once.
-module(trivet_spare).
-export([warm_up/1]).

-define(MODULES, [lists, maps, proplists, string, unicode_util, binary, re, io, io_lib, io_lib_format, io_lib_pretty, io_lib_fread, calendar, math, rand, queue, sets, ordsets,
    orddict, dict, gb_trees, gb_sets, array, base64, uri_string, crypto, file, filename, filelib, file_io_server, os, timer, gen, gen_server, gen_statem, supervisor, proc_lib,
    ets, unicode, erl_anno, error_handler, erl_error, erl_eval, logger, logger_formatter]).
-define(OURS, [trivet_frames, trivet_json, trivet_call, trivet_io, trivet_fault, trivet_loader, trivet_plain, trivet_context, trivet_ctx, trivet_req, trivet_res, trivet_module,
    trivet_program]).
-define(ELIXIR, ['Elixir.Kernel', 'Elixir.Enum', 'Elixir.Map', 'Elixir.Keyword', 'Elixir.List', 'Elixir.String', 'Elixir.Integer', 'Elixir.Float', 'Elixir.Access', 'Elixir.Process',
    'Elixir.System', 'Elixir.IO', 'Elixir.File', 'Elixir.Path', 'Elixir.Stream', 'Elixir.Stream.Reducers', 'Elixir.Enumerable', 'Elixir.Enumerable.List', 'Elixir.Enumerable.Map',
    'Elixir.Enumerable.Function', 'Elixir.Enumerable.Range', 'Elixir.Range', 'Elixir.Collectable', 'Elixir.Inspect', 'Elixir.Inspect.Algebra', 'Elixir.String.Chars',
    'Elixir.String.Chars.Integer', 'Elixir.String.Chars.Atom', 'Elixir.String.Chars.BitString', 'Elixir.Task', 'Elixir.Task.Supervised', 'Elixir.Agent', 'Elixir.GenServer',
    'Elixir.DateTime', 'Elixir.NaiveDateTime', 'Elixir.Date', 'Elixir.Time', 'Elixir.Calendar.ISO', 'Elixir.Regex', 'Elixir.URI', 'Elixir.Base', 'Elixir.Exception',
    'Elixir.RuntimeError', 'Elixir.ArgumentError', 'Elixir.KeyError', 'Elixir.ErlangError', 'Elixir.Logger', 'Elixir.MapSet', 'Elixir.Code']).

warm_up(Language) ->
    _ = [code:ensure_loaded(Module) || Module <- ?MODULES ++ ?OURS ++ case Language of elixir -> ?ELIXIR; erlang -> [] end],
    _ = trivet_fault:describe(Language, error, badarg, []),
    _ = iolist_to_binary(trivet_json:encode(trivet_json:decode(<<"{\"a\":[1,2.5,\"\\u00fc\"]}">>))),
    _ = file:read_file("/proc/self/stat"),
    _ = [catch trivet_loader:load(Language, #{<<"interface">> => <<"json">>})],
    {Process, Monitor} = spawn_monitor(fun() -> trivet_plain:decode(trivet_plain:encode(#{a => [1]}), null) end),
    receive {'DOWN', Monitor, process, Process, _} -> ok end,
    _ = io_lib:format("~ts~p", [<<"ü"/utf8>>, #{a => [1]}]),
    ok.
