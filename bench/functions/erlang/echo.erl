-module(echo).
-export([handle/2]).

handle(Input, _Ctx) -> Input.
