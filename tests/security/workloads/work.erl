-module(work).
-export([main/1]).

main(Args) ->
    Name = "/tmp/work-" ++ os:getpid(),
    ok = file:write_file(Name, binary:copy(<<"x">>, 10000)),
    {ok, Read} = file:read_file(Name),
    10000 = byte_size(Read),
    ok = file:delete(Name),
    echo(gen_tcp:listen(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}]), {127, 0, 0, 1}),
    {ok, Socket} = gen_tcp:listen(0, [local, binary, {active, false}, {ifaddr, {local, Name}}]),
    echo({ok, Socket}, {local, Name}),
    ok = file:delete(Name),
    "out\n" = os:cmd("echo out | cat"),
    {ok, _} = inet:getaddr("localhost", inet),
    16 = byte_size(crypto:strong_rand_bytes(16)),
    Self = self(),
    [spawn(fun() -> Self ! lists:sum(lists:seq(1, 10000)) end) || _ <- lists:seq(1, 100)],
    [receive 50005000 -> ok end || _ <- lists:seq(1, 100)],
    case lists:member("--interfaces", Args) of
        true -> {ok, [_ | _]} = inet:getifaddrs();
        false -> ok
    end,
    io:format("fine~n").

echo({ok, Server}, Address) ->
    Port = case Address of {local, _} -> 0; _ -> element(2, inet:port(Server)) end,
    spawn_link(fun() -> {ok, Client} = gen_tcp:connect(Address, Port, [binary]), ok = gen_tcp:send(Client, <<"hello">>), timer:sleep(2000) end),
    {ok, Accepted} = gen_tcp:accept(Server, 5000),
    {ok, <<"hello">>} = gen_tcp:recv(Accepted, 5, 5000),
    ok = gen_tcp:close(Server).
