%% The frame protocol, version 1: docs/formats/frame.md. Frames come in on fd 3 and leave on fd 4, through one port.
%%
%% A frame is given to the port in one piece and the port writes what it is given with one write. Any process may send: the port's queue is the order.
-module(trivet_frames).
-export([open/0, close/0, send/2, send/3, send/4, send_more/4, feed/2, reader/0, limit/2, log/4]).

-define(META_MAX, 1048576).
-define(TEXT_MAX, 65536).       % most bytes of a log line
-define(FIELDS_MAX, 262144).    % most bytes of a log line's fields
-record(reader, {held = [], have = 0, need = 16, max = ?META_MAX + 12}).

%% The port closes both descriptors in every process that is started from here.
open() ->
    Port = open_port({fd, 3, 4}, [binary, stream, eof]),
    register(trivet_frames, Port),
    Port.

close() ->
    port_close(trivet_frames).

send(Kind, Call) -> send(Kind, Call, <<>>, <<>>).
send(Kind, Call, Meta) -> send(Kind, Call, Meta, <<>>).
send(Kind, Call, Meta, Body) -> write(number(Kind), 0, Call, Meta, Body).
send_more(Kind, Call, Meta, Body) -> write(number(Kind), 1, Call, Meta, Body).

write(Number, Flags, Call, Meta, Body) ->
    MetaSize = iolist_size(Meta),
    Size = 12 + MetaSize + iolist_size(Body),
    try port_command(trivet_frames, [<<Size:32, Number, Flags, 0:16, Call:32, MetaSize:32>>, Meta, Body]) of
        true -> ok
    catch error:badarg -> ok    % the host is gone, or the worker has become a program
    end.

%% A line of user code. `Fields` is a map, or none.
log(Call, Level, Text, none) ->
    send(log, Call, [<<"{\"level\":\"">>, atom_to_binary(Level), <<"\"}">>], cut(Text));
log(Call, Level, Text, Fields) ->
    Shown = try iolist_to_binary(trivet_json:encode(Fields)) catch throw:_ -> <<"{}">> end,
    case byte_size(Shown) > ?FIELDS_MAX of
        true -> log(Call, Level, Text, none);
        false -> send(log, Call, [<<"{\"level\":\"">>, atom_to_binary(Level), <<"\",\"fields\":">>, Shown, $}], cut(Text))
    end.

cut(Text) when byte_size(Text) =< ?TEXT_MAX -> Text;
cut(Text) ->
    case unicode:characters_to_binary(binary_part(Text, 0, ?TEXT_MAX)) of
        {_, Whole, _} -> Whole;
        Whole -> Whole
    end.

reader() -> #reader{}.
limit(Max, Reader) -> Reader#reader{max = Max}.

%% The frames that `Bytes` make whole, as {Kind, More, Call, Meta, Body}, and the reader that holds the rest. A long frame is gathered in pieces and put together once.
feed(Bytes, #reader{held = [], max = Max} = Reader) ->
    frames(Bytes, Reader, Max, []);
feed(Bytes, #reader{held = Held, have = Have, need = Need} = Reader) when Have + byte_size(Bytes) < Need ->
    {[], Reader#reader{held = [Bytes | Held], have = Have + byte_size(Bytes)}};
feed(Bytes, #reader{held = Held, max = Max} = Reader) ->
    frames(iolist_to_binary(lists:reverse(Held, [Bytes])), Reader#reader{held = [], have = 0, need = 16}, Max, []).

frames(<<Length:32, Number, Flags, Zero:16, Call:32, MetaSize:32, Rest/binary>> = Bytes, Reader, Max, Done) ->
    if
        Length < 12; Length > Max; MetaSize > Length - 12; MetaSize > ?META_MAX; Zero =/= 0; Flags > 1 ->
            io:format(user, "the host sent a frame that breaks the protocol (length ~b, meta ~b)~n", [Length, MetaSize]),
            erlang:halt(1);
        byte_size(Bytes) < Length + 4 ->
            {lists:reverse(Done), Reader#reader{held = [Bytes], have = byte_size(Bytes), need = Length + 4}};
        true ->
            BodySize = Length - 12 - MetaSize,
            <<Meta:MetaSize/binary, Body:BodySize/binary, Next/binary>> = Rest,
            frames(Next, Reader, Max, [{kind(Number), Flags =:= 1, Call, Meta, Body} | Done])
    end;
frames(<<>>, Reader, _, Done) ->
    {lists:reverse(Done), Reader};
frames(Bytes, Reader, _, Done) ->
    {lists:reverse(Done), Reader#reader{held = [Bytes], have = byte_size(Bytes)}}.

kind(1) -> load;
kind(2) -> call;
kind(3) -> chunk;
kind(4) -> cancel;
kind(5) -> ping;
kind(6) -> answer;
kind(8) -> drain;
kind(9) -> credit;
kind(_) -> unknown.

number(chunk) -> 3;
number(credit) -> 9;
number(hello) -> 65;
number(ready) -> 66;
number(reply) -> 67;
number(error) -> 68;
number(log) -> 69;
number(pong) -> 70;
number(ask) -> 71.
