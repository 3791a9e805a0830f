-module(main).
-export([handle/2]).

%% Called with the request's JSON body; what it returns is the reply.
handle(Input, Ctx) ->
    Name = case Input of #{<<"name">> := Given} -> Given; _ -> <<"World">> end,
    trivet_ctx:info(Ctx, "greeting", #{name => Name}),
    #{message => <<"Hello, ", Name/binary, "!">>}.
