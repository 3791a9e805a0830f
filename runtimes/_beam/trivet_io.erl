%% What user code prints and reads: Erlang's I/O protocol.
%%
%% In a worker every print is a LOG frame, of the call whose process is the printer's group leader, or of none. A line that has not ended waits until it does, or until the reply.
%% A program (interface stdio) has a server here that stands for fd 0 and fd 1.
-module(trivet_io).
-export([take_over/0, give_back/0, request/4, flush/0, serve_program/1]).

-define(LINE_MAX, 65536).

%% The names user and standard_error lead here from now on, and so does the group leader of who calls this.
take_over() ->
    User = spawn(fun() -> group_leader(self(), self()), put('$trivet_call', 0), quiet() end),
    Errors = spawn(fun() -> group_leader(User, self()), errors(User) end),
    rename(user, trivet_user),
    rename(standard_error, trivet_standard_error),
    register(user, User),
    register(standard_error, Errors),
    group_leader(User, self()).

%% The names lead to fd 1 and 2 again.
give_back() ->
    unregister(user),
    unregister(standard_error),
    rename(trivet_user, user),
    rename(trivet_standard_error, standard_error),
    group_leader(whereis(user), self()).

rename(Name, Other) ->
    Process = whereis(Name),
    unregister(Name),
    register(Other, Process).

%% Prints that belong to no call.
quiet() ->
    receive
        {io_request, From, As, Request} -> request(From, As, Request, info), flush();
        {error_io, From, As, Request} -> request(From, As, Request, error), flush();
        _ -> ok
    end,
    quiet().

%% standard_error is one process for all: the printer's group leader knows the call.
errors(User) ->
    receive
        {io_request, From, _, _} = Request -> (leader_of(From, User)) ! setelement(1, Request, error_io);
        _ -> ok
    end,
    errors(User).

leader_of(Process, User) ->
    try
        {group_leader, Leader} = process_info(Process, group_leader),
        {dictionary, Known} = process_info(Leader, dictionary),
        {_, _} = lists:keyfind('$trivet_call', 1, Known),
        Leader
    catch error:_ -> User
    end.

%% Answers a request in the process that has the lines. What was printed has left before the printer goes on.
request(From, As, Request, Level) ->
    From ! {io_reply, As, try perform(Request, Level) catch _:_ -> {error, request} end}.

perform({put_chars, Encoding, Chars}, Level) -> put_text(unicode:characters_to_binary(Chars, Encoding, utf8), Level);
perform({put_chars, Encoding, Module, Function, Args}, Level) -> perform({put_chars, Encoding, apply(Module, Function, Args)}, Level);
perform({put_chars, Chars}, Level) -> perform({put_chars, latin1, Chars}, Level);
perform({put_chars, Module, Function, Args}, Level) -> perform({put_chars, latin1, apply(Module, Function, Args)}, Level);
perform({requests, All}, Level) -> lists:foldl(fun(Each, _) -> perform(Each, Level) end, ok, All);
perform(getopts, _) -> [{binary, true}, {encoding, unicode}];
perform({setopts, _}, _) -> ok;
perform({get_geometry, _}, _) -> {error, enotsup};
perform(Request, _) when element(1, Request) =:= get_until; element(1, Request) =:= get_chars; element(1, Request) =:= get_line -> eof;
perform(_, _) -> {error, request}.

put_text(Text, Level) when is_binary(Text) ->
    Whole = case get(Level) of undefined -> Text; Begun -> <<Begun/binary, Text/binary>> end,
    case lines(Whole, byte_size(Whole)) of
        0 when byte_size(Whole) < ?LINE_MAX -> put(Level, Whole);
        0 -> put(Level, Whole), flush();
        Size ->
            log(Level, binary_part(Whole, 0, Size - 1)),
            case Size =:= byte_size(Whole) of
                true -> erase(Level);
                false -> put(Level, binary:part(Whole, Size, byte_size(Whole) - Size))
            end
    end,
    ok;
put_text(_, _) -> {error, put_chars}.

%% How many bytes there are up to the last line's end.
lines(_, 0) -> 0;
lines(Text, Size) ->
    case binary:at(Text, Size - 1) of
        $\n -> Size;
        _ -> lines(Text, Size - 1)
    end.

flush() ->
    [case erase(Level) of undefined -> ok; Text -> log(Level, Text) end || Level <- [info, error]].

log(Level, Text) -> trivet_frames:log(get('$trivet_call'), Level, Text, none).

%% ------------------------------------------------------------------ fd 0 and 1

%% Becomes the group leader of who calls this. What is read is binaries in Elixir, lists in Erlang, unless the program asks for the other.
serve_program(Language) ->
    Server = spawn(fun() ->
        receive {begin_with, Owner} -> ok end,
        Input = open_port({fd, 0, 0}, [in, binary, stream, eof]),
        Output = open_port({fd, 1, 1}, [out, binary, stream]),
        monitor(process, Owner),
        serve(Input, Output, <<>>, [{binary, Language =:= elixir}, {encoding, unicode}])
    end),
    Server ! {begin_with, self()},
    catch unregister(user),
    register(user, Server),
    group_leader(Server, self()).

%% `Held` is what was read and not asked for; `Input` is eof when there is no more to come.
serve(Input, Output, Held, Options) ->
    receive
        {io_request, From, As, Request} ->
            {Reply, NewInput, Rest, NewOptions} = try answer(Request, Input, Output, Held, Options) catch _:_ -> {{error, request}, Input, Held, Options} end,
            From ! {io_reply, As, Reply},
            serve(NewInput, Output, Rest, NewOptions)
    end.

answer({requests, All}, Input, Output, Held, Options) ->
    lists:foldl(fun(Each, {_, In, Rest, Opts}) -> answer(Each, In, Output, Rest, Opts) end, {ok, Input, Held, Options}, All);
answer({setopts, New}, Input, _, Held, Options) ->
    Told = [case Each of binary -> {binary, true}; list -> {binary, false}; _ -> Each end || Each <- New],
    {ok, Input, Held, lists:ukeysort(1, Told ++ Options)};
answer(getopts, Input, _, Held, Options) -> {Options, Input, Held, Options};
answer({put_chars, Encoding, Module, Function, Args}, Input, Output, Held, Options) ->
    answer({put_chars, Encoding, apply(Module, Function, Args)}, Input, Output, Held, Options);
answer({put_chars, From, Chars}, Input, Output, Held, Options) ->
    Reply = case unicode:characters_to_binary(Chars, From, encoding(Options)) of
        Bytes when is_binary(Bytes) -> port_command(Output, Bytes), ok;
        _ -> {error, {no_translation, From, encoding(Options)}}
    end,
    {Reply, Input, Held, Options};
answer({get_line, _, _}, Input, _, Held, Options) -> get_line(Input, Held, 0, Options);
answer({get_chars, _, _, Count}, Input, _, Held, Options) -> get_chars(Count, Input, Held, Options);
answer({get_until, _, _, Module, Function, Args}, Input, _, Held, Options) -> get_until({Module, Function, Args}, [], Input, Held, Options);
answer({get_geometry, _}, Input, _, Held, Options) -> {{error, enotsup}, Input, Held, Options}.

encoding(Options) -> case proplists:get_value(encoding, Options) of utf8 -> unicode; Encoding -> Encoding end.

more(eof, Held) -> {eof, Held};
more(Input, Held) ->
    receive
        {Input, {data, Bytes}} -> {Input, <<Held/binary, Bytes/binary>>};
        {Input, eof} -> {eof, Held}
    end.

get_line(Input, Held, Looked, Options) ->
    case binary:match(Held, <<"\n">>, [{scope, {Looked, byte_size(Held) - Looked}}]) of
        {At, 1} -> taken(At + 1, Input, Held, Options);
        nomatch when Input =:= eof -> taken(byte_size(Held), Input, Held, Options);
        nomatch -> {Next, All} = more(Input, Held), get_line(Next, All, byte_size(Held), Options)
    end.

%% A count is of characters, which at most as many bytes hold.
get_chars(Count, Input, Held, Options) ->
    case width(Held, Count, encoding(Options)) of
        short when Input =:= eof -> taken(byte_size(Held), Input, Held, Options);
        short -> {Next, All} = more(Input, Held), get_chars(Count, Next, All, Options);
        Size -> taken(Size, Input, Held, Options)
    end.

width(Held, Count, latin1) -> if byte_size(Held) >= Count -> Count; true -> short end;
width(Held, Count, _) when byte_size(Held) < Count -> short;
width(Held, Count, _) -> width(Held, Count, 0, byte_size(Held)).

width(_, 0, At, _) -> At;
width(_, _, All, All) -> short;
width(Held, Count, At, All) ->
    <<_:At/binary, C, _/binary>> = Held,
    Next = At + if C < 16#C0 -> 1; C < 16#E0 -> 2; C < 16#F0 -> 3; true -> 4 end,
    if Next > All -> short; true -> width(Held, Count - 1, Next, All) end.

taken(0, eof, Held, Options) -> {eof, eof, Held, Options};
taken(Size, Input, Held, Options) ->
    <<Bytes:Size/binary, Rest/binary>> = Held,
    Data = case {proplists:get_value(binary, Options), encoding(Options)} of
        {true, _} -> Bytes;
        {_, latin1} -> binary_to_list(Bytes);
        {_, _} -> unicode:characters_to_list(Bytes)
    end,
    {Data, Input, Rest, Options}.

get_until({Module, Function, Args} = How, Continuation, Input, Held, Options) ->
    {Line, Next, Rest, _} = get_line(Input, Held, 0, lists:keystore(binary, 1, Options, {binary, false})),
    case apply(Module, Function, [Continuation, Line | Args]) of
        {done, Result, Left} ->
            Back = case Left of eof -> <<>>; _ -> unicode:characters_to_binary(Left) end,
            {Result, Next, <<Back/binary, Rest/binary>>, Options};
        {more, More} -> get_until(How, More, Next, Rest, Options)
    end.
