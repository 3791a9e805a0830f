%% One call: a process that answers it once, and one more that runs the handler.
%%
%% The first is the group leader of the second, and so of all that the handler starts: what these print comes here and becomes LOG frames of this call (trivet_io). It also keeps
%% the credit of a stream and the calls of other functions that are not answered, hears CANCEL, and sees how the handler's process ends.
-module(trivet_call).
-export([start/5]).
-include("trivet.hrl").

-define(PIECE, 65536).          % most body bytes in one CHUNK
-define(LARGE, 65536).          % bodies that are not left to be collected some time
-define(GRACE_MS, 100).         % between the signal that a handler may trap and the one that it cannot; the host waits 250 ms
-record(call, {id, load, meta, parts, handler, window, asks = #{}, last = 0, sending = none, is_cancelled = false, is_over = false}).

start(Id, Meta, Body, More, Load) ->
    spawn_opt(fun() ->
        group_leader(self(), self()),
        put('$trivet_call', Id),
        Call = #call{id = Id, load = Load, meta = Meta, window = Load#load.credit},
        loop(if More -> Call#call{parts = [Body]}; true -> run(Body, Call) end)
    end, [{priority, high}]).

run(Body, #call{id = Id, load = Load, meta = Meta} = Call) ->
    Self = self(),
    Call#call{parts = none, meta = none, handler = spawn_opt(fun() -> handle(Self, Id, Load, Meta, Body) end, [monitor])}.

%% In the handler's process. What it makes of the call comes back as a message, then it ends in a way that harms nobody who is linked to it.
handle(Call, Id, #load{face = Face} = Load, Meta, Body) ->
    Outcome = try Face:answer(Call, Id, Load, Meta, Body)
    catch
        throw:{trivet_fault, Code, Message} -> {failed, #{code => Code, message => iolist_to_binary(Message)}};
        Class:Reason:Stack -> {failed, trivet_fault:describe(Load#load.null, Class, Reason, Stack)}
    end,
    Call ! {self(), Outcome}.

loop(#call{handler = Handler} = Call) ->
    receive
        {io_request, From, As, Request} -> trivet_io:request(From, As, Request, info), loop(Call);
        {error_io, From, As, Request} -> trivet_io:request(From, As, Request, error), loop(Call);
        stop -> ok;
        cancel -> loop(cancel(Call));
        {chunk, Body, More} when is_list(Call#call.parts) -> loop(gather(Body, More, Call));
        {credit, Bytes} -> loop(push(Call#call{window = Call#call.window + Bytes}));
        {answer, Meta, Body} -> loop(answered(Meta, Body, Call));
        {ask, From, Ref, Wish, Input} -> loop(ask(From, Ref, Wish, Input, Call));
        {stream, From, Ref, _} = Begin when not Call#call.is_over -> begin_stream(Begin, Call), From ! {Ref, ok}, loop(Call);
        {piece, From, Ref, Bytes} when not Call#call.is_over -> loop(push(Call#call{sending = {From, Ref, Bytes}}));
        {Process, Outcome} when Handler =/= undefined, Process =:= element(1, Handler) -> loop(conclude(Outcome, Call));
        {'DOWN', Monitor, process, _, Reason} when Handler =/= undefined, Monitor =:= element(2, Handler) -> loop(fell(Reason, Call));
        kill when not Call#call.is_over -> exit(element(1, Handler), kill), loop(Call);
        _ -> loop(Call)
    end.

%% A body in pieces: credit is given as they come, and the handler begins with the last.
gather(Body, true, #call{parts = Parts} = Call) ->
    trivet_frames:send(credit, Call#call.id, [<<"{\"bytes\":">>, integer_to_binary(byte_size(Body)), $}]),
    Call#call{parts = [Body | Parts]};
gather(Body, false, #call{parts = Parts} = Call) ->
    run(iolist_to_binary(lists:reverse(Parts, [Body])), Call).

%% ------------------------------------------------------------------ how it ends

conclude(_, #call{is_over = true} = Call) -> Call;
conclude({reply, Meta, Body}, #call{load = Load} = Call) ->
    Size = iolist_size(Meta) + byte_size(Body),
    case 12 + Size > Load#load.max_frame of
        false -> finish(reply, Meta, Body, Call);
        true ->
            Advice = <<" bytes, more than limits.payload allows: return less, or stream it">>,
            failed(#{code => <<"INVALID_OUTPUT">>, message => <<"the reply has ", (integer_to_binary(Size))/binary, Advice/binary>>}, Call)
    end;
conclude(streamed, Call) -> finish(chunk, <<>>, <<>>, Call);
conclude({failed, What}, Call) -> failed(What, Call).

%% The handler's process ended without a word.
fell(_, #call{is_over = true} = Call) -> Call;
fell(_, #call{is_cancelled = true} = Call) -> cancelled(Call);
fell(Reason, #call{load = Load} = Call) -> failed(trivet_fault:describe(Load#load.null, exit, Reason, []), Call).

failed(_, #call{is_cancelled = true} = Call) -> cancelled(Call);
failed(What, Call) -> finish(error, trivet_json:encode(What), <<>>, Call).

cancelled(Call) -> finish(error, trivet_json:encode(#{code => <<"CANCELLED">>, message => <<"the call was cancelled">>}), <<>>, Call).

finish(Kind, Meta, Body, #call{id = Id} = Call) ->
    trivet_io:flush(),
    trivet_frames:send(Kind, Id, Meta, Body),
    drop_asks(<<"the call has ended">>, Call),
    trivet_worker ! {ended, Id, self()},
    if byte_size(Body) > ?LARGE -> garbage_collect(); true -> ok end,
    Call#call{is_over = true, asks = #{}, sending = none, parts = none}.

%% The handler gets a signal that ends it unless it traps exits; then it has a moment to tidy up.
cancel(#call{is_over = true} = Call) -> Call;
cancel(#call{handler = undefined} = Call) -> cancelled(Call);
cancel(#call{handler = {Handler, _}} = Call) ->
    exit(Handler, cancelled),
    erlang:send_after(?GRACE_MS, self(), kill),
    drop_asks(<<"the call was cancelled">>, Call),
    Call#call{is_cancelled = true, asks = #{}}.

%% ------------------------------------------------------------------ streams

begin_stream({stream, _, _, Meta}, Call) -> trivet_frames:send_more(reply, Call#call.id, Meta, <<>>).

%% Sends of a piece what there is credit for. Who gave it waits until all of it is gone.
push(#call{sending = {From, Ref, <<>>}} = Call) ->
    From ! {Ref, ok},
    Call#call{sending = none};
push(#call{sending = {From, Ref, Bytes}, window = Window} = Call) when Window > 0 ->
    Size = min(min(Window, ?PIECE), byte_size(Bytes)),
    <<Piece:Size/binary, Rest/binary>> = Bytes,
    trivet_frames:send_more(chunk, Call#call.id, <<>>, Piece),
    push(Call#call{sending = {From, Ref, Rest}, window = Window - Size});
push(Call) -> Call.

%% ------------------------------------------------------------------ calls of other functions

ask(From, Ref, #{function := Name} = Wish, Input, #call{id = Id, load = Load, asks = Asks, last = Last} = Call) ->
    Refuse = fun(Code, Message) -> From ! {Ref, {error, #{<<"code">> => Code, <<"message">> => Message, <<"function">> => Name}, <<>>}}, Call end,
    Number = Last + 1,
    Meta = iolist_to_binary(trivet_json:encode(Wish#{ask => Number, service => call})),
    if
        Call#call.is_over -> Refuse(<<"CANCELLED">>, <<"the call has ended">>);
        Call#call.is_cancelled -> Refuse(<<"CANCELLED">>, <<"the call was cancelled">>);
        12 + byte_size(Meta) + byte_size(Input) > Load#load.max_frame ->
            Refuse(<<"PAYLOAD_TOO_LARGE">>, <<"the input has ", (integer_to_binary(byte_size(Input)))/binary, " bytes, more than limits.payload of its caller allows">>);
        true ->
            trivet_frames:send(ask, Id, Meta, Input),
            Call#call{asks = Asks#{Number => {From, Ref, Name}}, last = Number}
    end.

answered(#{<<"ask">> := Number} = Meta, Body, #call{asks = Asks} = Call) ->
    case maps:take(Number, Asks) of
        error -> Call;      % of a call that has ended
        {{From, Ref, _}, Rest} ->
            From ! {Ref, case Meta of
                #{<<"ok">> := true} -> {ok, maps:get(<<"type">>, Meta, <<"application/json">>), Body};
                #{<<"error">> := Error} -> {error, Error, Body}
            end},
            Call#call{asks = Rest}
    end.

drop_asks(Why, #call{asks = Asks}) ->
    [From ! {Ref, {error, #{<<"code">> => <<"CANCELLED">>, <<"message">> => Why, <<"function">> => Name}, <<>>}} || {From, Ref, Name} <- maps:values(Asks)].
