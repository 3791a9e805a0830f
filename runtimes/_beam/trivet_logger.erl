%% Erlang's logger, and Elixir's: an event is a LOG frame of the call whose process logs it.
-module(trivet_logger).
-export([install/1, log/2]).

%% `Where` is frames, or standard_error for a program.
install(Where) ->
    _ = logger:remove_handler(trivet),  % not called default: Elixir's Logger removes that one
    Template = case Where of frames -> [msg]; standard_error -> [level, ": ", msg, "\n"] end,
    ok = logger:add_handler(trivet, ?MODULE, #{config => Where, filters => [{progress, {fun logger_filters:progress/2, stop}}], formatter => {logger_formatter, #{template => Template, single_line => false}}}).

%% Runs in the process that logs.
log(Event, #{config := standard_error, formatter := {Formatter, Config}}) ->
    io:put_chars(standard_error, Formatter:format(Event, Config));
log(#{level := Level, meta := Meta} = Event, #{formatter := {Formatter, Config}}) ->
    Text = case unicode:characters_to_binary(Formatter:format(Event, Config)) of
        Whole when is_binary(Whole) -> Whole;
        _ -> <<"a message that is no text">>
    end,
    trivet_frames:log(call_of(maps:get(gl, Meta, undefined)), level(Level), string:trim(Text, trailing, "\n"), none).

call_of(Leader) ->
    try process_info(Leader, dictionary) of
        {dictionary, Known} -> proplists:get_value('$trivet_call', Known, 0);
        undefined -> 0
    catch error:badarg -> 0
    end.

level(debug) -> debug;
level(info) -> info;
level(notice) -> info;
level(warning) -> warn;
level(_) -> error.
