%% The application against the real program: TRIVET_BIN, or `trivet` on the PATH; runtimes that TRIVET_TEST_RUNTIMES names, or all.
-module(trivet_tests).
-include_lib("eunit/include/eunit.hrl").

runtimes() ->
    Here = filename:join(filename:dirname(filename:absname(source())), ""),
    [{list_to_atom(Name), filename:join(Here, Name)} || Name <- string:lexemes(os:getenv("TRIVET_TEST_RUNTIMES", "python node go"), " ")].

source() -> proplists:get_value(source, ?MODULE:module_info(compile)).

start() ->
    Binary = os:getenv("TRIVET_BIN", "trivet"),
    application:load(trivet),
    application:set_env(trivet, binary, Binary),
    application:set_env(trivet, args, ["--data", os:getenv("TRIVET_TEST_DATA", "/tmp/trivet-erlang-test")]),
    {ok, _} = application:ensure_all_started(trivet),
    ok.

stop(_) -> ok = application:stop(trivet).

each_runtime_test_() ->
    {setup, fun start/0, fun stop/1,
     [{atom_to_list(Runtime),
       {timeout, 300,
        {setup, fun() -> ok = trivet:start_pool(Runtime, Runtime, #{pool_size => 4, path => Folder}), Runtime end,
         fun(Pool) -> ok = trivet:stop_pool(Pool) end,
         fun(Pool) -> examples(Pool) end}}} || {Runtime, Folder} <- runtimes()]}.

examples(Pool) ->
    [{"add", fun() -> ?assertEqual({ok, 8}, trivet:call(Pool, math, add, [5, 3])) end},
     {"names as binaries and strings", fun() -> ?assertEqual({ok, 8}, trivet:call(atom_to_binary(Pool), <<"math">>, "add", [5, 3])) end},
     {"reverse", fun() -> ?assertEqual({ok, <<"olleh">>}, trivet:call(Pool, string, reverse, [<<"hello">>])) end},
     {"fibonacci", fun() -> ?assertEqual({ok, 55}, trivet:call(Pool, math, fibonacci, [10])) end},
     {"batch sum", fun() -> ?assertEqual({ok, 15}, trivet:call(Pool, math, batch_sum, [[1, 2, 3, 4, 5]])) end},
     {"a user", fun() -> user(Pool) end},
     {"echo", fun() -> [echo(Pool, V) || V <- [42, -1, 1 bsl 53 - 1, 1.5, "hello", <<"hello">>, [1, 2, 3], [], true, null, #{<<"a">> => [1, #{<<"b">> => null}]}]] end},
     {"what JSON has not is echoed, too", fun() -> [echo(Pool, V) || V <- [self(), make_ref(), <<255, 0, 254>>, <<5:3>>, [a | b], #{{1, 2} => <<"x">>}]] end},
     {"ten at once", {timeout, 60, fun() -> ten(Pool) end}},
     {"asynchronous", fun() -> asynchronous(Pool) end},
     {"a promise, a generator", fun() ->
         ?assertEqual({ok, 7}, trivet:call(Pool, work, later, [7])),
         ?assertEqual({ok, [0, 1, 2]}, trivet:call(Pool, work, numbers, [3]))
     end},
     {"the function fails", fun() ->
         {error, {function_error, #{message := <<"no good">>}}} = trivet:call(Pool, work, fail, [<<"no good">>])
     end},
     {"no such function, no such module", fun() ->
         {error, {function_not_found, #{message := _}}} = trivet:call(Pool, math, nothing, []),
         {error, {function_not_found, _}} = trivet:call(Pool, nowhere, add, [1, 2]),
         {error, {function_not_found, _}} = trivet:call(Pool, '../work', pid, [])
     end},
     {"the worker dies", {timeout, 60, fun() ->
         {error, {function_crashed, #{exit_code := <<"3">>}}} = trivet:call(Pool, work, crash, []),
         ?assertEqual({ok, 8}, trivet:call(Pool, math, add, [5, 3]))
     end}},
     {"the caller's timeout", {timeout, 60, fun() -> callers_timeout(Pool) end}},
     {"deadlines close to the replies", {timeout, 120, fun() -> close(Pool) end}},
     {"cast", {timeout, 60, fun() -> cast(Pool) end}},
     {"ping", fun() -> ?assertEqual(pong, trivet:ping(Pool)) end}].

user(Pool) ->
    {ok, User} = trivet:call(Pool, work, process_user, [#{name => <<"Ada">>, <<"email">> => <<"ADA@Example.COM">>}]),
    ?assertEqual(#{<<"name">> => <<"ADA">>, <<"email">> => <<"ada@example.com">>, <<"processed">> => true}, User).

echo(Pool, Value) -> ?assertEqual({ok, Value}, trivet:call(Pool, work, echo, [Value])).

ten(Pool) ->
    Self = self(),
    [spawn_link(fun() -> Self ! {N, trivet:call(Pool, work, sleep, [50, N])} end) || N <- lists:seq(1, 10)],
    [receive {N, Result} -> ?assertEqual({ok, N}, Result) after 20000 -> error({no_reply, N}) end || N <- lists:seq(1, 10)].

asynchronous(Pool) ->
    {ok, Worker} = trivet:call_async(Pool, math, fibonacci, [7]),
    receive {runtime_result, Worker, Result} -> ?assertEqual({ok, 13}, Result) after 20000 -> error(no_reply) end.

%% At the deadline the caller has its answer; what comes later reaches nobody; the workers are free for others.
callers_timeout(Pool) ->
    Begin = erlang:monotonic_time(millisecond),
    Self = self(),
    [spawn_link(fun() -> Self ! {slow, trivet:call(Pool, work, sleep, [3000, late], 300)} end) || _ <- lists:seq(1, 4)],
    [receive {slow, Result} -> ?assertEqual({error, timeout}, Result) after 10000 -> error(no_reply) end || _ <- lists:seq(1, 4)],
    ?assert(erlang:monotonic_time(millisecond) - Begin < 2500),
    ?assertEqual({ok, <<"mine">>}, trivet:call(Pool, work, echo, [<<"mine">>])),
    receive Late -> error({late, Late}) after 500 -> ok end.

%% Each call gets its own value or a timeout, whatever became of the others.
close(Pool) ->
    Self = self(),
    Calls = [{N, 10 + (N * 7) rem 30, 10 + (N * 11) rem 30} || N <- lists:seq(1, 60)],
    [spawn_link(fun() -> Self ! {N, trivet:call(Pool, work, sleep, [Ms, N], Timeout)} end) || {N, Ms, Timeout} <- Calls],
    Results = [receive {N, Result} -> {N, Result} after 30000 -> error({no_reply, N}) end || {N, _, _} <- Calls],
    ?assertEqual([], [Wrong || {N, Result} = Wrong <- Results, Result =/= {ok, N}, Result =/= {error, timeout}]),
    ?assert(lists:any(fun({_, Result}) -> Result =:= {error, timeout} end, Results)),
    wait(fun() -> trivet:call(Pool, math, add, [5, 3]) =:= {ok, 8} end),
    ?assertEqual([], flushed()).

%% What a worker writes stays in its sandbox: the one worker of a pool of its own tells what its casts left there.
cast(Runtime) ->
    {Runtime, Folder} = lists:keyfind(Runtime, 1, runtimes()),
    ok = trivet:start_pool(casting, Runtime, #{pool_size => 1, path => Folder}),
    File = <<"/tmp/", (atom_to_binary(Runtime))/binary, ".cast">>,
    [ok = trivet:cast(casting, work, mark, [File, <<"x">>]) || _ <- lists:seq(1, 5)],
    wait(fun() -> trivet:call(casting, work, marks, [File]) =:= {ok, <<"xxxxx">>} end),
    ok = trivet:stop_pool(casting),
    ?assertEqual([], flushed()).

side_by_side_test_() ->
    {setup, fun start/0, fun stop/1, {timeout, 300, fun() ->
        Pools = runtimes(),
        [ok = trivet:start_pool(side(R), R, [{pool_size, 1}, {path, Folder}]) || {R, Folder} <- Pools],
        Self = self(),
        [spawn_link(fun() -> Self ! {R, N, trivet:call(side(R), math, add, [N, N])} end) || {R, _} <- Pools, N <- lists:seq(1, 50)],
        [receive {R, N, Result} -> ?assertEqual({ok, 2 * N}, Result) after 20000 -> error({no_reply, R, N}) end || {R, _} <- Pools, N <- lists:seq(1, 50)],
        [ok = trivet:stop_pool(side(R)) || {R, _} <- Pools]
    end}}.

side(Runtime) -> list_to_atom("Side " ++ atom_to_list(Runtime)).

%% One runtime, the first, is enough for the rest.
pools_test_() ->
    Tests = [fun nobody/0, fun wrong_options/0, fun started_twice/0, fun worker_timeout/0, fun recycling/0, fun aging/0, fun environment/0, fun sandboxed/0, fun overflow/0,
             fun overload/0, fun counts/0, fun many_in_flight/0, fun as_a_behaviour/0, fun a_caller_that_dies/0, fun a_program_that_dies/0,
             fun wrong_requests/0],
    {setup, fun start/0, fun stop/1, [{atom_to_list(element(2, erlang:fun_info(Test, name))), {timeout, 60, Test}} || Test <- Tests]}.

pool(Name, Options) ->
    {Runtime, Folder} = hd(runtimes()),
    trivet:start_pool(Name, Runtime, Options#{path => Folder}).

nobody() ->
    ?assertEqual({error, not_found}, trivet:stop_pool(nobody)),
    ?assertEqual({error, not_found}, trivet:ping(nobody)),
    ?assertEqual({error, not_found}, trivet:call(nobody, math, add, [1, 2])),
    ?assertEqual(ok, trivet:cast(nobody, math, add, [1, 2])).

wrong_options() ->
    {error, {bad_request, Why}} = pool(wrong, #{pool_sise => 3}),
    ?assertMatch({_, _}, binary:match(Why, <<"did you mean pool_size?">>)),
    {error, {bad_request, _}} = pool(wrong, #{pool_size => 0}),
    {error, {invalid_manifest, #{message := _}}} = trivet:start_pool(wrong, cobol, #{}),
    {error, {invalid_manifest, #{message := _}}} = trivet:start_pool(wrong, element(1, hd(runtimes())), #{path => "/nowhere"}),
    ?assertEqual({error, not_found}, trivet:ping(wrong)).

started_twice() ->
    ok = pool(twice, #{}),
    ?assertEqual({error, already_started}, pool(twice, #{})),
    ok = trivet:stop_pool(twice),
    ?assertEqual({error, not_found}, trivet:stop_pool(twice)),
    ok = pool(twice, #{}),
    ?assertEqual({ok, 8}, trivet:call(twice, math, add, [5, 3])),
    ok = trivet:stop_pool(twice).

%% The pool's limit ends a call that its caller would wait for, and its worker with it.
worker_timeout() ->
    ok = pool(short, #{pool_size => 1, worker_timeout_ms => 300}),
    {ok, 8} = trivet:call(short, math, add, [5, 3]),
    Pid = process(short),
    ?assertEqual({error, worker_timeout}, trivet:call(short, work, sleep, [20000], 10000)),
    ?assertEqual({ok, 8}, trivet:call(short, math, add, [5, 3])),
    wait(fun() -> not alive(Pid) end),
    ok = trivet:stop_pool(short).

recycling() ->
    ok = pool(recycled, #{pool_size => 1, max_calls_per_worker => 2}),
    Pids = [element(2, {ok, _} = trivet:call(recycled, work, pid, [])) || _ <- lists:seq(1, 6)],
    [A, A, B, B, C, C] = Pids,
    ?assertEqual(3, length(lists:usort([A, B, C]))),
    ok = trivet:stop_pool(recycled).

aging() ->
    ok = pool(aged, #{pool_size => 1, max_worker_age_ms => 300}),
    {ok, Pid} = trivet:call(aged, work, pid, []),
    wait(fun() -> {ok, Pid} =/= trivet:call(aged, work, pid, []) end),
    ok = trivet:stop_pool(aged).

environment() ->
    ok = pool(environment, #{env => #{'GREETING' => "moin"}}),
    ?assertEqual({ok, <<"moin">>}, trivet:call(environment, work, variable, [<<"GREETING">>])),
    ok = trivet:stop_pool(environment).

%% What a pool's functions may write is named; nothing else of the machine is written.
sandboxed() ->
    Folder = os:getenv("TRIVET_TEST_DATA", "/tmp/trivet-erlang-test") ++ ".written",
    File = filename:join(Folder, "mark"),
    ok = filelib:ensure_dir(File),
    Mark = fun(Pool) -> trivet:call(Pool, work, mark, [unicode:characters_to_binary(File), <<"x">>]) end,
    ok = pool(closed, #{pool_size => 1}),
    {error, {function_error, _}} = Mark(closed),
    ok = pool(opened, #{pool_size => 1, sandbox => #{write => [Folder]}, limits => #{memory => <<"256MiB">>}}),
    {ok, _} = Mark(opened),
    ?assertEqual({ok, <<"x">>}, file:read_file(File)),
    ok = file:del_dir_r(Folder),
    {error, {_, #{message := Lower}}} = pool(trusting, #{sandbox => #{level => trusted}}),
    ?assertMatch({_, _}, binary:match(Lower, <<"none below sandbox">>)),
    {error, {bad_request, _}} = pool(trusting, #{sandbox => #{wirte => [Folder]}}),
    [ok = trivet:stop_pool(Pool) || Pool <- [closed, opened]].

%% Two calls at once although the pool has one worker.
overflow() ->
    ok = pool(overflow, #{pool_size => 1, overflow => 1}),
    Self = self(),
    [spawn_link(fun() -> Self ! trivet:call(overflow, work, sleep, [1000, N], 20000) end) || N <- [1, 2]],
    wait(fun() -> length(workers(overflow)) =:= 2 end),
    [receive {ok, _} -> ok end || _ <- [1, 2]],
    ok = trivet:stop_pool(overflow).

%% One runs, one waits, the third is refused at once.
overload() ->
    ok = pool(full, #{pool_size => 1, queue => 1}),
    {ok, 8} = trivet:call(full, math, add, [5, 3]),
    Workers = [element(2, trivet:call_async(full, work, sleep, [1000, N], 20000)) || N <- [1, 2, 3]],
    Results = [receive {runtime_result, W, Result} -> Result after 20000 -> error(no_reply) end || W <- Workers],
    ?assertEqual(2, length([ok || {ok, _} <- Results])),
    ?assertMatch([_], [ok || {error, {overloaded, _}} <- Results]),
    ok = trivet:stop_pool(full).

counts() ->
    ok = pool(counted, #{pool_size => 1}),
    [{ok, _} = trivet:call(counted, math, add, [1, N]) || N <- lists:seq(1, 3)],
    {ok, #{<<"stats">> := #{<<"by_function">> := #{<<"counted">> := #{<<"calls">> := 3, <<"ok">> := 3}}}}} = trivet:stats(),
    ?assertMatch([#{<<"calls">> := 3}], workers(counted)),
    ok = trivet:stop_pool(counted).

many_in_flight() ->
    ok = pool(many, #{pool_size => 2}),
    Workers = [{N, element(2, trivet:call_async(many, work, echo, [N], 30000))} || N <- lists:seq(1, 1000)],
    [receive {runtime_result, W, Result} -> ?assertEqual({ok, N}, Result) after 30000 -> error({no_reply, N}) end || {N, W} <- Workers],
    ?assertEqual([], flushed()),
    ok = trivet:stop_pool(many).

as_a_behaviour() ->
    {Runtime, Folder} = hd(runtimes()),
    Options = #{pool => behaving, runtime => Runtime, path => Folder},
    ?assertEqual({ok, 8}, trivet_runtime:with(trivet, Options, fun(Pool) ->
        pong = trivet:ping(Pool),
        trivet:call_function(Pool, math, add, [5, 3])
    end)),
    ?assertEqual({error, not_found}, trivet:ping(behaving)).

a_caller_that_dies() ->
    ok = pool(orphaned, #{pool_size => 1}),
    {Pid, Ref} = spawn_monitor(fun() -> trivet:call(orphaned, work, sleep, [500], 20000) end),
    timer:sleep(50),
    exit(Pid, kill),
    receive {'DOWN', Ref, _, _, killed} -> ok end,
    ?assertEqual({ok, 8}, trivet:call(orphaned, math, add, [5, 3])),
    ok = trivet:stop_pool(orphaned).

%% Who waits is told; the supervisor starts the program again, and its pools with it.
a_program_that_dies() ->
    ok = pool(lasting, #{pool_size => 1}),
    {ok, 8} = trivet:call(lasting, math, add, [5, 3]),
    Old = process(lasting),
    {ok, Worker} = trivet:call_async(lasting, work, sleep, [20000], 30000),
    Server = whereis(trivet_port),
    [Port] = [P || P <- erlang:ports(), erlang:port_info(P, connected) =:= {connected, Server}],
    {os_pid, Program} = erlang:port_info(Port, os_pid),
    os:cmd("kill -9 " ++ integer_to_list(Program)),
    receive {runtime_result, Worker, Result} -> ?assertMatch({error, {port_down, _}}, Result) after 10000 -> error(no_reply) end,
    wait(fun() -> case whereis(trivet_port) of undefined -> false; Server -> false; _ -> true end end),
    ?assertEqual({ok, 8}, trivet:call(lasting, math, add, [5, 3], 20000)),
    ?assertNotEqual(Old, process(lasting)),
    wait(fun() -> not alive(Old) end),
    ?assertEqual([], flushed()),
    ok = trivet:stop_pool(lasting).

%% What is no request is refused by name, and the calls beside it lose nothing.
wrong_requests() ->
    ok = pool(calm, #{pool_size => 1}),
    {ok, Worker} = trivet:call_async(calm, work, sleep, [300, calm], 20000),
    Ask = fun(Term) -> trivet_port:request(Term, 5000) end,
    {error, {bad_request, _}} = Ask(fun(Id) -> {call, Id, calm, math, add} end),
    {error, {bad_request, _}} = Ask(fun(Id) -> {call, Id, calm, math, add, [1 | 2], 1000} end),
    {error, {bad_request, _}} = Ask(fun(Id) -> {call, Id, calm, math, add, [1, 2], -1} end),
    {error, {bad_request, _}} = Ask(fun(Id) -> {call, Id, {calm}, math, add, [1, 2], 1000} end),
    {error, {bad_request, _}} = Ask(fun(Id) -> {what, Id} end),
    trivet_port:cast(not_a_tuple),
    receive {runtime_result, Worker, Result} -> ?assertEqual({ok, <<"calm">>}, Result) after 10000 -> error(no_reply) end,
    ok = trivet:stop_pool(calm).

workers(Pool) ->
    {ok, #{<<"workers">> := Workers}} = trivet:stats(),
    [W || #{<<"function">> := F, <<"kind">> := <<"worker">>} = W <- Workers, F =:= atom_to_binary(Pool)].

%% The worker of a pool of one, as this machine numbers it: inside a sandbox it has another number.
process(Pool) ->
    [#{<<"pid">> := Pid}] = workers(Pool),
    true = alive(Pid),
    Pid.

alive(Pid) -> filelib:is_dir("/proc/" ++ integer_to_list(Pid)).

wait(Condition) -> wait(Condition, 500).

wait(Condition, 0) -> error({never, Condition});
wait(Condition, N) ->
    case Condition() of
        true -> ok;
        false -> timer:sleep(20), wait(Condition, N - 1)
    end.

flushed() -> receive Message -> [Message | flushed()] after 0 -> [] end.
