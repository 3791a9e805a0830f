%% JSON, for every release of OTP alike. An object is a map with binary keys, text a binary, null the atom that decode/2 is given.
%%
%% decode/2 walks the text once and keeps what is open on a stack of its own, so that the VM can reuse its match context. Text without escapes is a part of the input, not a
%% copy; short parts of a long input are copied, so that what user code keeps does not hold the whole.
-module(trivet_json).
-export([decode/1, decode/2, encode/1]).

-define(IS_SPACE(C), (C =:= $\s orelse C =:= $\n orelse C =:= $\r orelse C =:= $\t)).
-define(IS_DIGIT(C), (C >= $0 andalso C =< $9)).

decode(Text) -> decode(Text, null).

%% Throws {not_json, Why}.
decode(Text, Null) ->
    value(Text, [Text | Null], 0, []).

%% `All` is the whole text and what null is, `At` the position of `Rest` in it. The stack has, for each that is open, array and its values, or object, key and members.
value(<<C, Rest/binary>>, All, At, Stack) when ?IS_SPACE(C) -> value(Rest, All, At + 1, Stack);
value(<<$", Rest/binary>>, All, At, Stack) -> text(Rest, All, At + 1, 0, Stack);
value(<<${, Rest/binary>>, All, At, Stack) -> first_key(Rest, All, At + 1, Stack);
value(<<$[, Rest/binary>>, All, At, Stack) -> first_item(Rest, All, At + 1, Stack);
value(<<$-, Rest/binary>>, All, At, Stack) -> minus(Rest, All, At, Stack);
value(<<$0, Rest/binary>>, All, At, Stack) -> fraction(Rest, All, At, 1, Stack);
value(<<C, Rest/binary>>, All, At, Stack) when ?IS_DIGIT(C) -> digits(Rest, All, At, 1, Stack);
value(<<"true", Rest/binary>>, All, At, Stack) -> next(Rest, All, At + 4, Stack, true);
value(<<"false", Rest/binary>>, All, At, Stack) -> next(Rest, All, At + 5, Stack, false);
value(<<"null", Rest/binary>>, All, At, Stack) -> next(Rest, All, At + 4, Stack, tl(All));
value(_, All, At, _) -> wrong(All, At).

first_item(<<C, Rest/binary>>, All, At, Stack) when ?IS_SPACE(C) -> first_item(Rest, All, At + 1, Stack);
first_item(<<$], Rest/binary>>, All, At, Stack) -> next(Rest, All, At + 1, Stack, []);
first_item(Rest, All, At, Stack) -> value(Rest, All, At, [array, [] | Stack]).

first_key(<<C, Rest/binary>>, All, At, Stack) when ?IS_SPACE(C) -> first_key(Rest, All, At + 1, Stack);
first_key(<<$}, Rest/binary>>, All, At, Stack) -> next(Rest, All, At + 1, Stack, #{});
first_key(Rest, All, At, Stack) -> key(Rest, All, At, [[] | Stack]).

key(<<C, Rest/binary>>, All, At, Stack) when ?IS_SPACE(C) -> key(Rest, All, At + 1, Stack);
key(<<$", Rest/binary>>, All, At, Stack) -> text(Rest, All, At + 1, 0, [key | Stack]);
key(_, All, At, _) -> wrong(All, At).

colon(<<C, Rest/binary>>, All, At, Stack, Key) when ?IS_SPACE(C) -> colon(Rest, All, At + 1, Stack, Key);
colon(<<$:, Rest/binary>>, All, At, Stack, Key) -> value(Rest, All, At + 1, [object, Key | Stack]);
colon(_, All, At, _, _) -> wrong(All, At).

%% A value is whole: it goes into what is open.
next(Rest, All, At, [key | Stack], Key) -> colon(Rest, All, At, Stack, Key);
next(Rest, All, At, [array, Items | Stack], Value) -> in_array(Rest, All, At, Stack, [Value | Items]);
next(Rest, All, At, [object, Key, Members | Stack], Value) -> in_object(Rest, All, At, Stack, [{Key, Value} | Members]);
next(<<>>, _, _, [], Value) -> Value;
next(<<C, Rest/binary>>, All, At, Stack, Value) when ?IS_SPACE(C) -> next(Rest, All, At + 1, Stack, Value);
next(_, All, At, _, _) -> wrong(All, At).

in_array(<<C, Rest/binary>>, All, At, Stack, Items) when ?IS_SPACE(C) -> in_array(Rest, All, At + 1, Stack, Items);
in_array(<<$,, Rest/binary>>, All, At, Stack, Items) -> value(Rest, All, At + 1, [array, Items | Stack]);
in_array(<<$], Rest/binary>>, All, At, Stack, Items) -> next(Rest, All, At + 1, Stack, lists:reverse(Items));
in_array(_, All, At, _, _) -> wrong(All, At).

in_object(<<C, Rest/binary>>, All, At, Stack, Members) when ?IS_SPACE(C) -> in_object(Rest, All, At + 1, Stack, Members);
in_object(<<$,, Rest/binary>>, All, At, Stack, Members) -> key(Rest, All, At + 1, [Members | Stack]);
in_object(<<$}, Rest/binary>>, All, At, Stack, Members) -> next(Rest, All, At + 1, Stack, maps:from_list(lists:reverse(Members)));
in_object(_, All, At, _, _) -> wrong(All, At).

text(<<$", Rest/binary>>, All, At, Size, Stack) -> next(Rest, All, At + Size + 1, Stack, part(All, At, Size));
text(<<$\\, Rest/binary>>, All, At, Size, Stack) -> escape(Rest, All, At + Size + 1, Stack, [binary_part(hd(All), At, Size)]);
text(<<C, Rest/binary>>, All, At, Size, Stack) when C >= 16#20, C < 16#80 -> text(Rest, All, At, Size + 1, Stack);
text(<<C/utf8, Rest/binary>>, All, At, Size, Stack) when C >= 16#80 -> text(Rest, All, At, Size + width(C), Stack);
text(_, All, At, Size, _) -> wrong(All, At + Size).

%% Text with escapes is gathered in pieces, the last one first.
pieces(<<$", Rest/binary>>, All, At, Size, Stack, Done) ->
    next(Rest, All, At + Size + 1, Stack, iolist_to_binary(lists:reverse(Done, [binary_part(hd(All), At, Size)])));
pieces(<<$\\, Rest/binary>>, All, At, Size, Stack, Done) -> escape(Rest, All, At + Size + 1, Stack, [binary_part(hd(All), At, Size) | Done]);
pieces(<<C, Rest/binary>>, All, At, Size, Stack, Done) when C >= 16#20, C < 16#80 -> pieces(Rest, All, At, Size + 1, Stack, Done);
pieces(<<C/utf8, Rest/binary>>, All, At, Size, Stack, Done) when C >= 16#80 -> pieces(Rest, All, At, Size + width(C), Stack, Done);
pieces(_, All, At, Size, _, _) -> wrong(All, At + Size).

escape(<<$u, A, B, C, D, Rest/binary>>, All, At, Stack, Done) -> code(hex([A, B, C, D], All, At), Rest, All, At + 5, Stack, Done);
escape(<<C, Rest/binary>>, All, At, Stack, Done) -> pieces(Rest, All, At + 1, 0, Stack, [escaped(C, All, At) | Done]);
escape(<<>>, All, At, _, _) -> wrong(All, At).

escaped($n, _, _) -> $\n;
escaped($t, _, _) -> $\t;
escaped($r, _, _) -> $\r;
escaped($b, _, _) -> $\b;
escaped($f, _, _) -> $\f;
escaped(C, _, _) when C =:= $"; C =:= $\\; C =:= $/ -> C;
escaped(_, All, At) -> wrong(All, At).

%% Half a surrogate pair is no character: it becomes U+FFFD.
code(High, <<"\\u", A, B, C, D, Rest/binary>>, All, At, Stack, Done) when High >= 16#D800, High < 16#DC00 ->
    case hex([A, B, C, D], All, At) of
        Low when Low >= 16#DC00, Low < 16#E000 ->
            Code = 16#10000 + ((High - 16#D800) bsl 10) + (Low - 16#DC00),
            pieces(Rest, All, At + 6, 0, Stack, [<<Code/utf8>> | Done]);
        Other -> code(Other, Rest, All, At + 6, Stack, [<<16#FFFD/utf8>> | Done])
    end;
code(Half, Rest, All, At, Stack, Done) when Half >= 16#D800, Half < 16#E000 -> pieces(Rest, All, At, 0, Stack, [<<16#FFFD/utf8>> | Done]);
code(Code, Rest, All, At, Stack, Done) -> pieces(Rest, All, At, 0, Stack, [<<Code/utf8>> | Done]).

hex(Digits, All, At) ->
    try list_to_integer(Digits, 16) of
        Code when hd(Digits) =/= $-, hd(Digits) =/= $+ -> Code;
        _ -> wrong(All, At)
    catch error:badarg -> wrong(All, At)
    end.

minus(<<$0, Rest/binary>>, All, At, Stack) -> fraction(Rest, All, At, 2, Stack);
minus(<<C, Rest/binary>>, All, At, Stack) when ?IS_DIGIT(C) -> digits(Rest, All, At, 2, Stack);
minus(_, All, At, _) -> wrong(All, At + 1).

digits(<<C, Rest/binary>>, All, At, Size, Stack) when ?IS_DIGIT(C) -> digits(Rest, All, At, Size + 1, Stack);
digits(Rest, All, At, Size, Stack) -> fraction(Rest, All, At, Size, Stack).

fraction(<<$., C, Rest/binary>>, All, At, Size, Stack) when ?IS_DIGIT(C) -> decimals(Rest, All, At, Size + 2, Stack);
fraction(<<E, Rest/binary>>, All, At, Size, Stack) when E =:= $e; E =:= $E -> sign(Rest, All, At, Size + 1, Stack, Size);
fraction(Rest, All, At, Size, Stack) -> next(Rest, All, At + Size, Stack, binary_to_integer(binary_part(hd(All), At, Size))).

decimals(<<C, Rest/binary>>, All, At, Size, Stack) when ?IS_DIGIT(C) -> decimals(Rest, All, At, Size + 1, Stack);
decimals(<<E, Rest/binary>>, All, At, Size, Stack) when E =:= $e; E =:= $E -> sign(Rest, All, At, Size + 1, Stack, none);
decimals(Rest, All, At, Size, Stack) -> number(Rest, All, At, Size, Stack, none).

sign(<<S, C, Rest/binary>>, All, At, Size, Stack, Whole) when (S =:= $- orelse S =:= $+), ?IS_DIGIT(C) -> exponent(Rest, All, At, Size + 2, Stack, Whole);
sign(<<C, Rest/binary>>, All, At, Size, Stack, Whole) when ?IS_DIGIT(C) -> exponent(Rest, All, At, Size + 1, Stack, Whole);
sign(_, All, At, Size, _, _) -> wrong(All, At + Size).

exponent(<<C, Rest/binary>>, All, At, Size, Stack, Whole) when ?IS_DIGIT(C) -> exponent(Rest, All, At, Size + 1, Stack, Whole);
exponent(Rest, All, At, Size, Stack, Whole) -> number(Rest, All, At, Size, Stack, Whole).

%% 1e5 has no fraction, which Erlang wants: `Whole` is where it goes.
number(Rest, All, At, Size, Stack, Whole) ->
    Told = binary_part(hd(All), At, Size),
    Text = case Whole of
        none -> Told;
        _ -> <<Before:Whole/binary, After/binary>> = Told, <<Before/binary, ".0", After/binary>>
    end,
    try binary_to_float(Text) of
        Value -> next(Rest, All, At + Size, Stack, Value)
    catch error:badarg -> throw({not_json, [<<"the number at byte ">>, integer_to_binary(At), <<" is too large">>]})
    end.

part(All, At, Size) when Size < 1024, byte_size(hd(All)) > 4096 -> binary:copy(binary_part(hd(All), At, Size));
part(All, At, Size) -> binary_part(hd(All), At, Size).

width(C) when C < 16#800 -> 2;
width(C) when C < 16#10000 -> 3;
width(_) -> 4.

-spec wrong(nonempty_maybe_improper_list(), non_neg_integer()) -> no_return().
wrong(All, At) when At >= byte_size(hd(All)) -> throw({not_json, <<"it ends too early">>});
wrong(_, At) -> throw({not_json, [<<"byte ">>, integer_to_binary(At), <<" is not expected">>]}).

%% ---------------------------------------------------------------- and back

%% Throws {no_json, Value}: what JSON does not have.
encode(Text) when is_binary(Text) -> [$", plain(Text, Text, 0, 0), $"];
encode(true) -> <<"true">>;
encode(false) -> <<"false">>;
encode(null) -> <<"null">>;
encode(nil) -> <<"null">>;
encode(undefined) -> <<"null">>;
encode(Atom) when is_atom(Atom) -> encode(atom_to_binary(Atom));
encode(Number) when is_integer(Number) -> integer_to_binary(Number);
encode(Number) when is_float(Number) -> float_to_binary(Number, [short]);
encode([]) -> <<"[]">>;
encode([First | Rest]) -> [$[, encode(First) | items(Rest)];
encode(#{'__struct__' := Module} = Struct) -> struct(Module, Struct);
encode(Map) when is_map(Map) ->
    case maps:to_list(Map) of
        [] -> <<"{}">>;
        [{Key, Value} | Rest] -> [${, key(Key), $:, encode(Value) | members(Rest)]
    end;
encode(Other) -> throw({no_json, Other}).

items([]) -> [$]];
items([Value | Rest]) -> [$,, encode(Value) | items(Rest)];
items(Tail) -> throw({no_json, Tail}).

members([]) -> [$}];
members([{Key, Value} | Rest]) -> [$,, key(Key), $:, encode(Value) | members(Rest)].

key(Key) when is_binary(Key) -> encode(Key);
key(Key) when is_atom(Key) -> encode(atom_to_binary(Key));
key(Key) when is_integer(Key) -> [$", integer_to_binary(Key), $"];
key([C | _] = Key) when is_integer(C) ->
    case unicode:characters_to_binary(Key) of
        Text when is_binary(Text) -> encode(Text);
        _ -> throw({no_json, Key})
    end;
key(Key) -> throw({no_json, Key}).

%% Elixir's dates and times are text; other structs are not JSON.
struct(Module, Struct) ->
    _ = code:ensure_loaded(Module),
    case erlang:function_exported(Module, to_iso8601, 1) of
        true -> encode(Module:to_iso8601(Struct));
        false -> throw({no_json, Struct})
    end.

%% `Size` bytes from `At` on are text as it is.
plain(<<C, Rest/binary>>, All, At, Size) when C >= 16#20, C < 16#80, C =/= $", C =/= $\\ -> plain(Rest, All, At, Size + 1);
plain(<<>>, All, 0, _) -> All;
plain(<<>>, All, At, Size) -> binary_part(All, At, Size);
plain(<<C/utf8, Rest/binary>>, All, At, Size) when C >= 16#80 -> plain(Rest, All, At, Size + width(C));
plain(<<C, Rest/binary>>, All, At, Size) when C < 16#80 ->
    [binary_part(All, At, Size), escape(C) | plain_rest(Rest, All, At + Size + 1)];
plain(_, All, _, _) -> throw({no_json, All}).

plain_rest(Rest, All, At) -> [plain(Rest, All, At, 0)].

escape($") -> <<"\\\"">>;
escape($\\) -> <<"\\\\">>;
escape($\n) -> <<"\\n">>;
escape($\t) -> <<"\\t">>;
escape($\r) -> <<"\\r">>;
escape(C) -> io_lib:format("\\u~4.16.0b", [C]).
