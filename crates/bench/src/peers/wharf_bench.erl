%% The same work by Erlang processes. Every function prints numbers: nanoseconds or bytes.
-module(wharf_bench).
-export([main/1]).

main(["round_trips", Bytes, Batches, PerBatch]) ->
    Body = body(int(Bytes)),
    Samples = in_process(fun() ->
        Echo = spawn_link(fun echo/0),
        [per(int(PerBatch), fun() -> ask_many(Echo, Body, int(PerBatch)) end) || _ <- lists:seq(1, int(Batches))]
    end),
    print_summary(Samples);
main(["pipelined", Bytes, Window, Count]) ->
    Body = body(int(Bytes)),
    print([in_process(fun() ->
        Echo = spawn_link(fun echo/0),
        timed(fun() -> pipeline(Echo, Body, int(Window), int(Count)) end)
    end)]);
main(["pairs", Pairs, Bytes, PerPair]) ->
    Body = body(int(Bytes)),
    print([in_process(fun() ->
        Self = self(),
        Drivers = [spawn_link(fun() -> drive(Self, Body, int(PerPair)) end) || _ <- lists:seq(1, int(Pairs))],
        timed(fun() ->
            [Driver ! go || Driver <- Drivers],
            [receive {done, Driver} -> ok end || Driver <- Drivers]
        end)
    end)]);
main(["starts", Count]) ->
    print_summary(in_process(fun() ->
        Self = self(),
        Hello = fun() -> Self ! {hello, self()} end,
        [timed(fun() -> Pid = spawn(Hello), receive {hello, Pid} -> ok end end) || _ <- lists:seq(1, int(Count))]
    end));
main(["idle", Count]) ->
    erlang:garbage_collect(),
    Before = erlang:memory(total),
    Pids = wait_many(int(Count)),
    After = erlang:memory(total),
    [Pid ! stop || Pid <- Pids],
    print([(After - Before) / int(Count)]);
main(["ready", Count]) ->
    wait_many(int(Count)),
    io:format("ready~n"),
    receive stop -> ok end.

int(Text) -> list_to_integer(Text).

body(Bytes) -> binary:copy(<<7>>, Bytes).

%% Erlang shares binaries of more than 64 bytes; here each hop copies them, as everyone else does.
copy(Body) when byte_size(Body) > 64 -> binary:copy(Body);
copy(Body) -> Body.

%% The process that runs main/1 is not like others: the work is done by one that is.
in_process(Work) ->
    {Pid, Ref} = spawn_monitor(fun() -> exit({result, Work()}) end),
    receive {'DOWN', Ref, process, Pid, {result, Result}} -> Result end.

timed(Work) ->
    Start = erlang:monotonic_time(nanosecond),
    Work(),
    erlang:monotonic_time(nanosecond) - Start.

per(Count, Work) -> timed(Work) / Count.

echo() ->
    receive {From, Ref, Body} -> From ! {Ref, copy(Body)}, echo() end.

%% A reference pairs request and response, as an id does in the node.
ask(Echo, Body) ->
    Ref = make_ref(),
    Echo ! {self(), Ref, copy(Body)},
    receive {Ref, _} -> ok end.

ask_many(_, _, 0) -> ok;
ask_many(Echo, Body, Count) -> ask(Echo, Body), ask_many(Echo, Body, Count - 1).

pipeline(Echo, Body, Window, Count) ->
    First = min(Window, Count),
    [Echo ! {self(), 0, copy(Body)} || _ <- lists:seq(1, First)],
    pipeline(Echo, Body, Count - First),
    [receive {0, _} -> ok end || _ <- lists:seq(1, First)],
    ok.

pipeline(_, _, 0) -> ok;
pipeline(Echo, Body, Count) ->
    receive {0, _} -> ok end,
    Echo ! {self(), 0, copy(Body)},
    pipeline(Echo, Body, Count - 1).

drive(Starter, Body, Count) ->
    Echo = spawn_link(fun echo/0),
    receive go -> ok end,
    ask_many(Echo, Body, Count),
    Starter ! {done, self()}.

wait_many(Count) ->
    Self = self(),
    Pids = [spawn(fun() -> Self ! {up, self()}, receive stop -> ok end end) || _ <- lists:seq(1, Count)],
    [receive {up, Pid} -> ok end || Pid <- Pids],
    Pids.

print_summary(Samples) ->
    Sorted = lists:sort(Samples),
    At = fun(Percent) -> lists:nth(max(1, (length(Sorted) * Percent + 99) div 100), Sorted) end,
    print([At(50), At(99)]).

print(Numbers) ->
    [io:format("~.3f~n", [float(Number)]) || Number <- Numbers],
    halt().
