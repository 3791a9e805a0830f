%% Round trips through `trivet port` to a warm Python worker, beside a bare open_port to a Python loop that does the same work.
%%   erl -noshell -pa DIR -s port_bench main -- TRIVET DATA LOOP MODULES ROUNDS CALLS [CPU]
%% Prints, for each round, {Name, P50, P99} in microseconds as one JSON line. With CPU, everything is pinned there.
-module(port_bench).
-export([main/0]).

main() ->
    [Trivet, Data, Loop, Modules, Rounds, Calls | _] = init:get_plain_arguments(),
    Python = os:find_executable("python3"),
    Bare = open_port({spawn_executable, Python}, [{args, ["-I", "-S", Loop]}, {packet, 4}, binary]),
    Ours = open_port({spawn_executable, Trivet}, [{args, ["port", "--data", Data]}, {packet, 4}, binary]),
    {ok, started} = ask(Ours, {start_pool, 0, bench, python, #{pool_size => 1, path => unicode:characters_to_binary(Modules)}}),
    N = list_to_integer(Calls),
    Args = [#{<<"name">> => <<"Ada">>, <<"items">> => [1, 2, 3, 4, 5, 6, 7, 8], <<"text">> => <<"eighty-four bytes of JSON input">>}],
    Json = <<"[{\"name\":\"Ada\",\"items\":[1,2,3,4,5,6,7,8],\"text\":\"eighty-four bytes of JSON input\"}]">>,
    Kinds = [{bare, fun() -> port_command(Bare, Json), receive {Bare, {data, D}} -> D end end},
             {trivet, fun() -> {ok, _} = ask(Ours, {call, 7, bench, echo, echo, Args, 5000}) end}],
    [run(Fun, 300) || {_, Fun} <- Kinds],
    [begin
         Times = lists:sort(run(Fun, N)),
         io:format("{\"name\":\"~s\",\"p50_us\":~.2f,\"p99_us\":~.2f}~n", [Name, at(Times, N div 2), at(Times, N * 99 div 100)])
     end || _ <- lists:seq(1, list_to_integer(Rounds)), {Name, Fun} <- Kinds],
    halt(0).

run(Fun, N) -> run(Fun, N, []).

run(_, 0, Times) -> Times;
run(Fun, N, Times) ->
    Begin = erlang:monotonic_time(nanosecond),
    Fun(),
    run(Fun, N - 1, [erlang:monotonic_time(nanosecond) - Begin | Times]).

at(Times, N) -> lists:nth(max(1, N), Times) / 1000.

ask(Port, Term) ->
    port_command(Port, term_to_binary(Term)),
    receive {Port, {data, Data}} -> {reply, _, Result} = binary_to_term(Data), Result end.
