%% Plays ErlPort's side of the wire, as release 0.11 speaks it, against our stand-in for its program.
-module(erlport_tests).
-include_lib("eunit/include/eunit.hrl").
-export([down/1]).

-define(ARGS, ["-u", "-m", "erlport.cli", "--packet=4", "--use_stdio", "--compressed=0", "--buffer_size=65536"]).

start(Args, More) ->
    open_port({spawn_executable, os:getenv("ERLPORT_PY")}, [{args, Args}, {cd, os:getenv("ERLPORT_DIR")}, binary, exit_status | More]).

start() -> start(?ARGS, [{packet, 4}]).

send(Port, Term) -> port_command(Port, term_to_binary(Term, [{minor_version, 1}])).

receive_term(Port) ->
    receive
        {Port, {data, Data}} -> binary_to_term(Data);
        {Port, {exit_status, Status}} -> {exit, Status}
    after 10000 -> error(nothing_came)
    end.

%% A call with what comes meanwhile: callbacks are answered, prints are kept.
call(Port, Function, Args) -> call(Port, sample, Function, Args).

call(Port, Module, Function, Args) ->
    Id = erlang:unique_integer([positive]),
    send(Port, {'C', Id, Module, Function, Args}),
    answer(Port, Id).

answer(Port, Id) ->
    case receive_term(Port) of
        {'r', Id, Value} -> {ok, Value};
        {'e', Id, Error} -> {error, Error};
        {'C', Theirs, erlang, self, [], 'L'} -> send(Port, {'r', Theirs, opaque(self())}), answer(Port, Id);
        {'C', Theirs, erlang, make_ref, [], 'L'} -> send(Port, {'r', Theirs, opaque(make_ref())}), answer(Port, Id);
        {'C', Theirs, ?MODULE, down, [N], 'N'} ->
            {ok, Value} = call(Port, down, [N]),
            send(Port, {'r', Theirs, Value}),
            answer(Port, Id);
        {'C', Theirs, M, F, A, 'N'} ->
            try apply(M, F, A) of
                Value -> send(Port, {'r', Theirs, Value})
            catch
                Class:Reason -> send(Port, {'e', Theirs, {erlang, Class, Reason, []}})
            end,
            answer(Port, Id);
        {'P', Text} -> self() ! {printed, Text}, answer(Port, Id)
    end.

down(N) -> N.

opaque(Term) -> <<131, Blob/binary>> = term_to_binary(Term), {'$erlport.opaque', erlang, Blob}.

with(Fun) -> {timeout, 60, fun() -> Port = start(), Fun(Port), port_close(Port) end}.

wire_test_() ->
    [{"version", fun() -> ?assertMatch("Python 3." ++ _, os:cmd(os:getenv("ERLPORT_PY") ++ " -V")) end},
     {"call", with(fun(P) -> ?assertEqual({ok, 42}, call(P, identity, [42])) end)},
     {"builtin and dotted", with(fun(P) ->
         ?assertEqual({ok, 8}, call(P, operator, add, [5, 3])),
         ?assertEqual({ok, 14}, call(P, sample, 'Tools.double', [7])),
         ?assertEqual({ok, <<"a/b">>}, call(P, 'os.path', join, [<<"a">>, <<"b">>]))
     end)},
     {"the same comes back", with(fun(P) ->
         [?assertEqual({ok, T}, call(P, identity, [T])) ||
             T <- [0, -1, 255, 256, 1 bsl 31, -(1 bsl 64), 1 bsl 5000, 1.5, atom, [], "text", [1, 1000], <<>>, <<1, 2>>, {}, {a, {b}}, [a | b], [1, 2 | {}],
                   #{}, #{a => [#{<<"b">> => 1.0}]}, true, false, undefined, self(), make_ref(), fun lists:map/2, fun(X) -> X end, <<5:3>>,
                   list_to_tuple(lists:seq(1, 300)), list_to_atom([233]), list_to_atom([955])]]
     end)},
     {"types there", with(fun(P) ->
         [?assertEqual({ok, Kind}, call(P, kind, [T])) || {T, Kind} <- [{1, <<"int">>}, {1.0, <<"float">>}, {a, <<"Atom">>}, {<<"b">>, <<"bytes">>},
             {[1], <<"List">>}, {[1 | 2], <<"ImproperList">>}, {{}, <<"tuple">>}, {#{}, <<"Map">>}, {true, <<"bool">>}, {undefined, <<"NoneType">>},
             {self(), <<"OpaqueObject">>}, {opaque(self()), <<"OpaqueObject">>}]]
     end)},
     {"what its functions make", with(fun(P) ->
         ?assertEqual({ok, "hello"}, call(P, text, ["hello"])),
         ?assertEqual({ok, [955]}, call(P, text, [[955]])),
         ?assertEqual({ok, [1, 2 | x]}, call(P, improper, [])),
         ?assertEqual({ok, #{a => #{<<"b">> => undefined}}}, call(P, mapping, []))
     end)},
     {"an object of its own comes back as itself", with(fun(P) ->
         {ok, {'$erlport.opaque', python, _} = Opaque} = call(P, opaque, []),
         ?assertEqual({ok, true}, call(P, is_kept, [Opaque]))
     end)},
     {"a failure", with(fun(P) ->
         {error, {python, 'builtins.KeyError', Text, [{File, Line, "fail", _} | _]}} = call(P, fail, [<<"why">>]),
         ?assertEqual("b'why'", Text),
         ?assertEqual("sample.py", filename:basename(File)),
         ?assert(is_integer(Line)),
         {error, {python, 'builtins.ModuleNotFoundError', _, _}} = call(P, nowhere, f, []),
         {error, {python, 'builtins.AttributeError', _, _}} = call(P, nothing, []),
         {error, {python, 'builtins.TypeError', _, _}} = call(P, identity, []),
         {error, {python, _, _, _}} = call(P, unwritable, []),
         ?assertEqual({ok, 1}, call(P, identity, [1]))
     end)},
     {"callbacks", with(fun(P) ->
         ?assertEqual({ok, 3}, call(P, back, [erlang, '+', [1, 2]])),
         ?assertEqual({ok, self()}, call(P, own_pid, [])),
         {ok, Ref} = call(P, reference, []),
         ?assert(is_reference(Ref)),
         {error, {python, 'erlport.CallError', _, _}} = rename(call(P, back, [erlang, '+', [a, 2]]))
     end)},
     {"fifty calls deep", with(fun(P) -> ?assertEqual({ok, 50}, call(P, down, [50])) end)},
     {"threads", with(fun(P) -> ?assertEqual({ok, lists:seq(1, 20)}, call(P, threads, [20])) end)},
     {"messages both ways", with(fun(P) ->
         {ok, ok} = call(P, forward, [self()]),
         send(P, {'M', <<"hello">>}),
         ?assertEqual({'M', self(), {got, <<"hello">>}}, receive_term(P))
     end)},
     {"a message handler that fails stops the instance", {timeout, 60, fun() ->
         P = start(),
         {ok, ok} = call(P, fail_on_message, []),
         send(P, {'M', x}),
         ?assertMatch({'e', {python, 'builtins.ZeroDivisionError', _, _}}, receive_term(P)),
         ?assertEqual({exit, 1}, receive_term(P))
     end}},
     {"prints", with(fun(P) ->
         {ok, undefined} = call(P, say, [<<"x">>]),
         ?assertEqual("b'x'\n", printed()),
         ?assertEqual({ok, <<>>}, call(P, read_stdin, []))
     end)},
     {"encoder and decoder", with(fun(P) ->
         {ok, ok} = call(P, points, []),
         ?assertEqual({ok, [{point, 8}]}, call(P, moved, [{point, 7}]))
     end)},
     {"compressed", {timeout, 60, fun() ->
         P = start(["--packet=4", "--compressed=9"], [{packet, 4}]),
         Large = lists:duplicate(50000, <<"the same words">>),
         port_command(P, term_to_binary({'C', 1, sample, identity, [Large]}, [compressed])),
         receive {P, {data, <<131, 80, _/binary>> = Data}} -> ?assertEqual({'r', 1, Large}, binary_to_term(Data)) after 10000 -> error(no_reply) end,
         port_close(P)
     end}},
     {"a quarter of a mebibyte", with(fun(P) -> B = binary:copy(<<"x">>, 262144), ?assertEqual({ok, B}, call(P, identity, [B])) end)},
     {"packets of two bytes", {timeout, 60, fun() ->
         P = start(["--packet=2"], [{packet, 2}]),
         ?assertEqual({ok, 1}, call(P, identity, [1])),
         {error, {python, _, _, _}} = call(P, 'builtins', bytes, [100000]),
         port_close(P)
     end}},
     {"descriptors 3 and 4", {timeout, 60, fun() ->
         P = start(["--nouse_stdio"], [{packet, 4}, nouse_stdio]),
         ?assertEqual({ok, 1}, call(P, identity, [1])),
         port_close(P)
     end}},
     {"terms as release 26 writes them", with(fun(P) ->
         port_command(P, term_to_binary({'C', 1, sample, kind, [atom]}, [{minor_version, 2}])),
         ?assertEqual({'r', 1, <<"Atom">>}, receive_term(P))
     end)}].

printed() -> receive {printed, Text} -> Text ++ printed() after 0 -> "" end.

rename({error, {python, Type, Text, Stack}}) ->
    Name = lists:last(string:lexemes(atom_to_list(Type), ".")),
    {error, {python, list_to_atom("erlport." ++ Name), Text, Stack}}.
