%% What LOAD told, as calls need it.
-record(load, {function, env, max_frame, credit, null, face, handler}).
