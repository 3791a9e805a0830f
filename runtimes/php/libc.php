<?php
namespace Trivet;

/** What PHP has no function for: closing and placing descriptors, and receiving them from another process. */
final class Libc
{
    private const DECLARATIONS = '
        struct iovec { void *base; size_t length; };
        struct msghdr { void *name; unsigned name_length; struct iovec *parts; size_t part_count; void *control; size_t control_length; int flags; };
        struct rights { size_t length; int level; int type; int fds[8]; };
        struct pollfd { int fd; short events; short revents; };
        int open(const char *path, int flags, ...);
        int close(int fd);
        int dup(int fd);
        int *__errno_location(void);
        int dup2(int from, int to);
        int fcntl(int fd, int command, ...);
        int poll(struct pollfd *fds, unsigned long count, int timeout);
        int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
        int setsid(void);
        int getppid(void);
        int socketpair(int domain, int type, int protocol, int *pair);
        ssize_t sendmsg(int fd, struct msghdr *message, int flags);
        ssize_t recvmsg(int fd, struct msghdr *message, int flags);
        void *memcpy(unsigned long to, const char *from, size_t size);
        void _exit(int status);';
    private const F_SETFD = 2, FD_CLOEXEC = 1, POLLIN = 1, POLLHUP = 16, PR_SET_PDEATHSIG = 1, AF_UNIX = 1, SOCK_SEQPACKET = 5, SOL_SOCKET = 1, SCM_RIGHTS = 1;
    private const MSG_NOSIGNAL = 0x4000, MSG_CMSG_CLOEXEC = 0x40000000, SOCK_CLOEXEC = 02000000, PACKET_MOST = 4096, FDS_MOST = 8, EINTR = 4, O_RDWR = 2;
    private static ?\FFI $c = null;

    /** Is it there? The extension FFI may be missing, or switched off. */
    public static function open(): bool
    {
        try {
            self::$c ??= \extension_loaded('FFI') ? \FFI::cdef(self::DECLARATIONS) : null;
        } catch (\FFI\Exception) {
        }
        return self::$c !== null;
    }

    public static function close(int $fd): void
    {
        self::$c->close($fd);
    }

    public static function place(int $from, int $to): void
    {
        self::$c->dup2($from, $to);
    }

    /** The number that the next copy of a descriptor gets. */
    public static function next(int $fd): int
    {
        $copy = self::$c->dup($fd);
        self::$c->close($copy);
        return $copy;
    }

    /** Puts /dev/null in the place of descriptors. */
    public static function silence(array $fds): void
    {
        $null = self::$c->open('/dev/null', self::O_RDWR);
        foreach ($fds as $fd) {
            self::$c->dup2($null, $fd);
        }
        self::$c->close($null);
    }

    public static function closeOnExec(int $fd): void
    {
        self::$c->fcntl($fd, self::F_SETFD, self::FD_CLOEXEC);
    }

    /** The script that PHP runs stays open: programs that are started must not hold it. */
    public static function closeScriptOnExec(string $path): void
    {
        for ($fd = 3; $fd < 16; $fd++) {
            if (@\readlink('/proc/' . \getmypid() . "/fd/$fd") === $path) {
                self::closeOnExec($fd);
            }
        }
    }

    /** Ends this process with $parent; at once, when that has ended already. */
    public static function dieWith(int $parent): void
    {
        self::$c->prctl(self::PR_SET_PDEATHSIG, 9, 0, 0, 0);
        if (!\in_array(self::$c->getppid(), [$parent, 0], true)) { // 0: it is in another pid namespace than we are
            self::$c->_exit(1);
        }
    }

    public static function beginSession(): void
    {
        self::$c->setsid();
    }

    /** Ends the process as it is: no destructor, no shutdown function. */
    public static function leave(): never
    {
        self::$c->_exit(0);
        exit;
    }

    public static function write(int $address, string $bytes): void
    {
        self::$c->memcpy($address, $bytes, \strlen($bytes));
    }

    /** Those of the descriptors that can be read, or have ended. A time of -1 waits for ever. */
    public static function ready(array $fds, int $milliseconds): array
    {
        $asked = self::$c->new('struct pollfd[' . \count($fds) . ']');
        foreach ($fds as $at => $fd) {
            $asked[$at]->fd = $fd;
            $asked[$at]->events = self::POLLIN;
        }
        if (self::$c->poll($asked, \count($fds), $milliseconds) <= 0) {
            return [];
        }
        return \array_filter($fds, fn ($at) => $asked[$at]->revents !== 0, ARRAY_FILTER_USE_KEY);
    }

    /** Two sockets that are connected and keep packets apart. */
    public static function pair(): ?array
    {
        $pair = self::$c->new('int[2]');
        return self::$c->socketpair(self::AF_UNIX, self::SOCK_SEQPACKET | self::SOCK_CLOEXEC, 0, $pair) === 0 ? [$pair[0], $pair[1]] : null;
    }

    /** Sends a packet, with descriptors beside it. False when nobody is there to read it. */
    public static function send(int $socket, string $packet, array $fds = []): bool
    {
        [$message, $bytes, $rights] = $kept = self::message(\strlen($packet), \count($fds));
        \FFI::memcpy($bytes, $packet, \strlen($packet));
        foreach ($fds as $at => $fd) {
            $rights->fds[$at] = $fd;
        }
        return self::$c->sendmsg($socket, \FFI::addr($message), self::MSG_NOSIGNAL) === \strlen($packet);
    }

    /** A packet and the descriptors that came beside it. An empty packet: the other side has ended. */
    public static function receive(int $socket): array
    {
        [$message, $bytes, $rights] = $kept = self::message(self::PACKET_MOST, self::FDS_MOST);
        do {
            $size = self::$c->recvmsg($socket, \FFI::addr($message), self::MSG_CMSG_CLOEXEC);
        } while ($size < 0 && self::$c->__errno_location()[0] === self::EINTR);
        $fds = [];
        $head = \FFI::sizeof($rights) - 4 * self::FDS_MOST;
        for ($at = 0; $message->control_length > $head && $at < \intdiv($rights->length - $head, 4); $at++) {
            $fds[] = $rights->fds[$at];
        }
        return [$size > 0 ? \FFI::string($bytes, $size) : '', $fds];
    }

    /** A message of libc, and what it points to; the last is there to be kept. */
    private static function message(int $size, int $fds): array
    {
        $message = self::$c->new('struct msghdr');
        $part = self::$c->new('struct iovec');
        $bytes = self::$c->new("char[$size]");
        $rights = self::$c->new('struct rights');
        $part->base = \FFI::addr($bytes);
        $part->length = $size;
        $message->parts = \FFI::addr($part);
        $message->part_count = 1;
        if ($fds > 0) {
            $head = \FFI::sizeof($rights) - 4 * self::FDS_MOST;
            $rights->length = $head + 4 * $fds;
            $rights->level = self::SOL_SOCKET;
            $rights->type = self::SCM_RIGHTS;
            $message->control = \FFI::addr($rights);
            $message->control_length = $head + 8 * \intdiv(4 * $fds + 7, 8);
        }
        return [$message, $bytes, $rights, $part];
    }
}
