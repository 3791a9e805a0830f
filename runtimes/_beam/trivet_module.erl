%% The module interface: a call names a module of the function's folder and a function in it. A module is called as its file is, dots being folders, or by its own name.
-module(trivet_module).
-export([arities/0, answer/5]).
-include("trivet.hrl").

arities() -> [].

answer(_, _, #load{handler = Modules, null = Null}, Meta, Body) ->
    #{<<"module">> := Told, <<"function">> := Name} = trivet_json:decode(Meta),
    Args = case trivet_plain:decode(Body, Null) of
        Null -> [];
        List when is_list(List) -> List;
        _ -> trivet_fault:raise(<<"INVALID_INPUT">>, <<"the arguments are not a list">>)
    end,
    {reply, <<>>, trivet_plain:encode(gathered(call(Told, module(Told, Modules), Name, Args)))}.

module(Told, Modules) ->
    Dotted = binary:replace(Told, <<"/">>, <<".">>, [global]),
    case Modules of
        #{Dotted := {broken, Why}} -> error(Why);
        #{Dotted := Module} -> Module;
        #{} -> missing([<<"there is no module ">>, Told])
    end.

call(Told, Module, Name, Args) ->
    _ = code:ensure_loaded(Module),
    Arities = [Arity || {Function, Arity} <- Module:module_info(exports), is_public(Name, Function)],
    case {Arities, lists:member(length(Args), Arities)} of
        {_, true} -> apply(Module, binary_to_existing_atom(Name), Args);
        {[], false} -> missing([<<"the module ">>, Told, <<" has no function ">>, Name]);
        {_, false} ->
            Takes = lists:join(<<" or ">>, [integer_to_binary(Arity) || Arity <- lists:sort(Arities)]),
            trivet_fault:raise(<<"INVALID_INPUT">>, [Told, $., Name, <<" takes ">>, Takes, <<" arguments, not ">>, integer_to_binary(length(Args))])
    end.

is_public(<<"_", _/binary>>, _) -> false;
is_public(<<"module_info">>, _) -> false;
is_public(Name, Function) -> Name =:= atom_to_binary(Function).

gathered({stream, Steps}) when is_function(Steps, 1) ->
    Self = self(),
    Ref = make_ref(),
    Steps(fun(Value) -> Self ! {Ref, Value}, ok end),
    gather(Ref);
gathered(#{'__struct__' := Name} = Stream) when Name =:= 'Elixir.Stream'; Name =:= 'Elixir.Range' -> 'Elixir.Enum':to_list(Stream);
gathered(Stream) when is_function(Stream, 2) -> 'Elixir.Enum':to_list(Stream);
gathered(Value) -> Value.

gather(Ref) -> receive {Ref, Value} -> [Value | gather(Ref)] after 0 -> [] end.

-spec missing(iodata()) -> no_return().
missing(What) -> trivet_fault:raise(<<"FUNCTION_NOT_FOUND">>, What).
