<?php
namespace Trivet;

/**
 * The PHP zygote: an interpreter with its extensions that forks workers when the host's launcher asks (docs/formats/frame.md).
 *
 * There are two kinds. The runtime's zygote has no user code. A function's zygote is a fork of it that was given a LOAD: its forks are workers
 * that have loaded already. The control socket is descriptor 5; a request brings the descriptors of the child.
 *
 * One fork is made ahead: it is parked, and becomes the next child by being handed the request.
 */
const FORK = 7, REAP = 10, FORKED = 72, REAPED = 73, CONTROL = 5, COOKIE = 'TRIVET_WORKER';

final class Zygote
{
    private ?array $parked = null; // [pid, the socket that it waits on]
    private bool $mayPark = true, $isLoaded = false;
    private int $cookieAt;
    private array $before = []; // files that were open before the function was loaded

    public function __construct(private Worker $worker)
    {
        if (!Libc::open() || !\function_exists('pcntl_fork')) {
            \fwrite(STDERR, "PHP cannot fork for want of its extensions FFI and pcntl: workers are started instead\n");
            exit(69);
        }
        Libc::closeOnExec(CONTROL);
        // Where /proc shows the environment: each fork writes a cookie of its own there.
        $fields = \explode(' ', \substr(\strrchr(\file_get_contents(self::about('stat')), ')'), 2));
        $this->cookieAt = (int) $fields[47] + \strpos("\0" . \file_get_contents(self::about('environ')), "\0" . COOKIE . '=');
    }

    /** Forks until there is a LOAD, which is returned. In a fork that is a worker: null. */
    public function serve(bool $isLoaded): ?string
    {
        if ($isLoaded && !$this->isLoaded) {
            $this->isLoaded = $this->mayPark = true;
            \gc_collect_cycles();
        }
        while (true) {
            $parks = $this->mayPark && $this->parked === null;
            $ready = Libc::ready([$this->worker->frames->fds[0], CONTROL], $parks ? 0 : -1);
            if ($ready === [] && $parks && $this->park()) {
                return null;
            }
            if (\in_array($this->worker->frames->fds[0], $ready, true)) {
                $frame = $this->worker->frames->read();
                if ($frame === null || $frame[0] === DRAIN) {
                    Libc::leave();
                }
                if ($frame[0] === LOAD) {
                    $this->before = self::openFiles();
                    return $frame[3];
                }
            } elseif (\in_array(CONTROL, $ready, true) && $this->asked()) {
                return null;
            }
        }
    }

    /** One request. True in the child that is a worker. */
    private function asked(): bool
    {
        [$packet, $fds] = Libc::receive(CONTROL);
        if ($packet === '') {
            Libc::leave(); // the launcher is gone
        }
        $head = \unpack('Nlength/Ctype/Cflags/x2/Nticket', $packet);
        $body = \substr($packet, 16);
        if ($head['type'] === REAP) {
            $this->answer(REAPED, $head['ticket'], self::reap((int) $body));
        }
        return $head['type'] === FORK && $this->fork($head['ticket'], $body, $fds);
    }

    private function fork(int $ticket, string $body, array $fds): bool
    {
        $pid = $this->handOver($body, $fds);
        if ($pid === 0) {
            $parent = \getmypid();
            $pid = @\pcntl_fork();
            if ($pid === 0) {
                Libc::dieWith($parent);
                $this->parked = null;
                return $this->begin($body, $fds);
            }
        }
        $this->answer(FORKED, $ticket, $pid > 0 ? (string) $pid : \pcntl_strerror(\pcntl_get_last_error()));
        \array_map(Libc::close(...), $fds);
        return false;
    }

    /** Lets the parked fork be what is asked for: its pid; 0 without one. */
    private function handOver(string $body, array $fds): int
    {
        if ($this->parked === null) {
            return 0;
        }
        [$pid, $socket] = $this->parked;
        $this->parked = null;
        if (!Libc::send($socket, $body, $fds)) { // something has ended it
            self::reap($pid);
            $pid = 0;
        }
        Libc::close($socket);
        return $pid;
    }

    /** Makes a fork ahead. True in it, once it is a worker. */
    private function park(): bool
    {
        $parent = \getmypid();
        $pair = Libc::pair();
        $pid = $pair === null ? -1 : @\pcntl_fork();
        if ($pid < 0) { // asked to fork, we say why not
            $this->mayPark = false;
            \array_map(Libc::close(...), $pair ?? []);
            return false;
        }
        [$ours, $theirs] = $pair;
        if ($pid > 0) {
            Libc::close($theirs);
            $this->parked = [$pid, $ours];
            return false;
        }
        Libc::dieWith($parent);
        Libc::close($ours);
        // The zygote's own: whoever reads them must see its end.
        Libc::silence([0, 1, 2, CONTROL, ...$this->worker->frames->fds]);
        $this->worker->rehearse();
        [$body, $fds] = Libc::receive($theirs);
        if ($body === '') {
            Libc::leave();
        }
        Libc::close($theirs);
        return $this->begin($body, $fds);
    }

    private function answer(int $type, int $ticket, string $text): void
    {
        if (!Libc::send(CONTROL, Frames::of($type, $ticket, '', $text))) {
            Libc::leave(); // the launcher is gone
        }
    }

    /** In the child: becomes a worker (true), or a zygote of its own. */
    private function begin(string $body, array $fds): bool
    {
        [$role, $cookie] = \explode(' ', $body, 2);
        Libc::beginSession();
        foreach ([0, 1, 2] as $number) {
            Libc::place($fds[$number], $number);
            Libc::close($fds[$number]);
        }
        $frames = new Frames($fds[3], $fds[4]);
        if ($role === 'zygote') {
            Libc::place($fds[5], CONTROL);
            Libc::close($fds[5]);
            Libc::closeOnExec(CONTROL);
        } else {
            Libc::close(CONTROL);
        }
        Libc::write($this->cookieAt, $cookie);
        \putenv($cookie);
        $_SERVER[COOKIE] = \substr($cookie, \strlen(COOKIE) + 1);
        \mt_srand(); // random_int() and its like are fresh in any case
        \clearstatcache(true);
        $this->worker->reborn($frames, $role === 'zygote');
        $this->mayPark = $this->isLoaded;
        return $role !== 'zygote';
    }

    private static function reap(int $pid): string
    {
        if (\pcntl_waitpid($pid, $status, 0, $used) !== $pid) {
            return '-1 9 0 0 0';
        }
        $end = \pcntl_wifexited($status) ? \pcntl_wexitstatus($status) . ' 0' : '-1 ' . \pcntl_wtermsig($status);
        $spent = fn ($which) => $used["ru_$which.tv_sec"] * 1000000 + $used["ru_$which.tv_usec"];
        return "$end {$spent('utime')} {$spent('stime')} {$used['ru_maxrss']}";
    }

    /** What /proc has about this process. `self` is not asked for: PHP keeps where that leads, in forks too. */
    private static function about(string $what): string
    {
        return '/proc/' . \getmypid() . "/$what";
    }

    /** Number and target of each. */
    private static function openFiles(): array
    {
        $files = [];
        foreach (\scandir(self::about('fd')) as $fd) {
            $files[$fd] = @\readlink(self::about("fd/$fd")); // nothing for the one that lists them
        }
        return \array_filter($files);
    }

    /** Why what was loaded must not be forked, or nothing. */
    public function unsafe(): string
    {
        $threads = \count(\scandir(self::about('task'))) - 2;
        if ($threads > 1) {
            return "it runs $threads threads once it is loaded";
        }
        foreach (\array_diff_assoc(self::openFiles(), $this->before) as $place) {
            if ($place !== '/dev/null' && $place !== '/dev/urandom') {
                return "it holds $place open once it is loaded";
            }
        }
        return '';
    }
}
