%% A hostile function: does what `attack` says by the means of this language, and answers what came of it.
-module(main).
-export([handle/2]).

handle(#{<<"attack">> := Attack} = Input, _) ->
    Argument = maps:get(<<"arguments">>, Input, maps:get(<<"argument">>, Input, <<>>)),
    try attack(Attack, Argument) of
        {cannot, Why} -> #{outcome => <<"cannot: ", Why/binary>>};
        Detail when is_binary(Detail) -> #{outcome => allowed, detail => Detail};
        _ -> #{outcome => allowed}
    catch
        error:{badmatch, {error, Reason}} -> #{outcome => said(Reason)};
        error:Reason -> #{outcome => said(Reason)}
    end.

said(Reason) -> iolist_to_binary(io_lib:format("~0tp", [Reason])).

attack(<<"read">>, Path) -> opened(Path, [read]);
attack(<<"write">>, Path) -> opened(Path, [append]);
attack(<<"tcp">>, Address) ->
    [Host, Port] = string:split(Address, ":", trailing),
    {ok, Parsed} = inet:parse_address(binary_to_list(Host)),
    {ok, Socket} = gen_tcp:connect(Parsed, binary_to_integer(Port), [], 1000),
    gen_tcp:close(Socket);
attack(<<"kill">>, _) -> {cannot, <<"no call sends a signal to another process">>};
attack(<<"spawn">>, [Program | Arguments]) ->
    collected(open_port({spawn_executable, Program}, [{args, Arguments}, binary, exit_status, stderr_to_stdout, hide]), []);
attack(<<"environment">>, _) -> iolist_to_binary([[Each, "\n"] || Each <- os:getenv()]);
attack(<<"tasks">>, Count) -> tasks(binary_to_integer(Count));
attack(<<"memory">>, Mib) -> length([binary:copy(<<(N rem 250)>>, 1 bsl 20) || N <- lists:seq(1, binary_to_integer(Mib))]);
attack(<<"print">>, Lines) ->
    Line = lists:duplicate(999, $x),
    [io:format("~s~n", [Line]) || _ <- lists:seq(1, binary_to_integer(Lines))];
attack(<<"reply">>, Mib) -> binary:copy(<<"x">>, binary_to_integer(Mib) bsl 20);
attack(<<"spin">>, Argument) -> attack(<<"spin">>, Argument).

opened(Path, Modes) ->
    {ok, File} = file:open(Path, [raw, binary | Modes]),
    file:close(File).

collected(Port, Pieces) ->
    receive
        {Port, {data, Piece}} -> collected(Port, [Pieces, Piece]);
        {Port, {exit_status, _}} -> iolist_to_binary(Pieces)
    end.

%% Processes of the VM cost the machine nothing: programs, which end when their input does (where no more can be started, no `kill` can). The VM starts them
%% through one of its own, which says what it could not start.
tasks(Count) ->
    Ports = [open_port({spawn_executable, "/bin/cat"}, [exit_status, hide]) || _ <- lists:seq(1, Count)],
    Early = receive {_, {exit_status, Status}} -> Status after 5000 -> none end,
    [catch port_close(Port) || Port <- Ports],
    none = Early.
