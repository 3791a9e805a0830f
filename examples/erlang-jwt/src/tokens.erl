%% Signs tokens and verifies them.
-module(tokens).
-export([handle/1]).

-define(LIFE_S, 3600).

handle(#{req := #{method := <<"POST">>, path := <<"/login">>} = Req, env := Env}) ->
    case trivet_req:body(Req) of
        #{<<"user">> := User} when is_binary(User), User =/= <<>> ->
            Now = erlang:system_time(second),
            Claims = #{<<"sub">> => User, <<"iat">> => Now, <<"exp">> => Now + ?LIFE_S},
            {_, Token} = jose_jws:compact(jose_jwt:sign(key(Env), #{<<"alg">> => <<"HS256">>}, Claims)),
            trivet_res:json(#{token => Token, expires_in => ?LIFE_S});
        _ ->
            trivet_res:json(#{error => <<"who is it?">>}, 422)
    end;
handle(#{req := #{method := <<"GET">>, path := <<"/me">>} = Req, env := Env} = Context) ->
    case trivet_req:header("authorization", Req) of
        <<"Bearer ", Token/binary>> ->
            case claims(Token, key(Env)) of
                {ok, Claims} -> trivet_res:json(Claims);
                {error, Why} ->
                    trivet_ctx:log(Context, ["refused:", Why]),
                    trivet_res:json(#{error => Why}, 401)
            end;
        _ ->
            trivet_res:json(#{error => <<"no token">>}, 401, #{"www-authenticate" => "Bearer"})
    end;
handle(_) ->
    trivet_res:text("POST /login or GET /me", 404).

claims(Token, Key) ->
    try jose_jwt:verify_strict(Key, [<<"HS256">>], Token) of
        {true, {jose_jwt, #{<<"exp">> := Until} = Claims}, _} ->
            case Until > erlang:system_time(second) of
                true -> {ok, Claims};
                false -> {error, <<"the token has expired">>}
            end;
        _ -> {error, <<"the signature is wrong">>}
    catch error:_ -> {error, <<"this is no token">>}
    end.

key(#{<<"SECRET">> := Secret}) ->
    tokens_json:use(),
    jose_jwk:from_oct(Secret).
