package Trivet::Zygote;

# The Perl zygote: an interpreter with the usual modules warm that forks workers when the host's launcher asks (docs/formats/frame.md).
#
# There are two kinds. The runtime's zygote has no user code. A function's zygote is a fork of it that was given a LOAD: its forks are workers that
# have loaded already. One fork is made ahead: it is parked, and becomes the next child by being handed the request.
use v5.36;
use POSIX ();
BEGIN { Trivet::Frames->import(':all') }

use constant {
    FORK => 7, REAP => 10, FORKED => 72, REAPED => 73,
    CONTROL => 5, COOKIE => 'TRIVET_WORKER', SEQPACKET => 5, UNIX => 1,
    MSGHDR => 'QL x4 PQ PQ l x4',    # no name, one buffer, and the control bytes; it points to them
    PR_SET_PDEATHSIG => 1, SIGKILL => 9, SCM_RIGHTS => 1,
};

# What programs use most. Nothing here starts a thread or opens a file.
my @warm = qw(B Carp Cwd Data::Dumper Digest::MD5 Digest::SHA Encode Errno Exporter Fcntl File::Basename File::Copy File::Find File::Path File::Spec
    File::Temp Getopt::Long HTTP::Tiny IO::File IO::Handle IO::Select IO::Socket::INET JSON::PP JSON::XS List::Util MIME::Base64 POSIX
    Scalar::Util Socket Storable Sys::Hostname Text::ParseWords Text::Wrap Time::HiRes Time::Local Time::Piece constant overload parent utf8);

# Perl has no calls that pass descriptors, reap one child with its usage, or tie it to its parent: numbers of the system, by machine.
my %calls = (
    x86_64 => {sendmsg => 46, recvmsg => 47, prctl => 157, wait4 => 61, memfd_create => 319, dup3 => 292},
    aarch64 => {sendmsg => 211, recvmsg => 212, prctl => 167, wait4 => 260, memfd_create => 279, dup3 => 24},
);
my $system = $calls{(POSIX::uname())[4]} or die "no zygote on this machine: its system calls are not known\n";

sub system_call ($name, @arguments) { return syscall $system->{$name}, @arguments }

sub new ($class, $worker) {
    for my $module (@warm) { eval "require $module" }    # some are optional
    local $@;
    my $self = bless {worker => $worker, is_loaded => 0, is_of_function => 0, parked => undef, may_park => 1, cookie_at => cookie_at()}, $class;
    open $self->{control}, '+<&=', CONTROL or die "descriptor 5: $!\n";
    fcntl $self->{control}, 2, 1;
    return $self;
}

# Where the environment that /proc shows keeps our cookie: each fork writes its own there.
sub cookie_at {
    my ($stat, $shown) = map { slurp("/proc/self/$_") } qw(stat environ);
    my $start = (split ' ', $stat =~ s/.*\) //sr)[47];    # env_start, field 50
    my $offset = index "\0$shown", "\0" . COOKIE . '=';
    return $start && $offset >= 0 ? $start + $offset : 0;
}

sub slurp ($path) {
    open my $file, '<:raw', $path or return '';
    local $/;
    return scalar <$file>;
}

# Forks until the end of the input. Returns only in a fork: a worker, or a zygote that is to be of a function and serves again.
sub serve ($self) {
    $self->{worker}->hello unless $self->{is_of_function};
    while (1) {
        my $wanted = '';
        vec($wanted, $_, 1) = 1 for 3, CONTROL;
        my $count = select my $ready = $wanted, undef, undef, $self->{may_park} && !$self->{parked} ? 0 : undef;
        if    ($count < 0)                   { next }
        elsif ($count == 0)                  { return if $self->park }
        elsif (vec $ready, 3, 1)             { $self->on_frame }
        elsif ($self->on_control)            { return }
    }
}

sub on_frame ($self) {
    my ($kind, undef, undef, $meta) = $self->{worker}{frames}->read or POSIX::_exit(0);
    POSIX::_exit(0) if $kind == DRAIN;
    return unless $kind == LOAD;
    my %before = open_files();
    $self->{worker}->load($self->{worker}->enter($meta), sub { unsafe(%before) });
    $self->{is_loaded} = $self->{may_park} = 1;
}

# One request. True in the child.
sub on_control ($self) {
    my ($packet, @fds) = receive(CONTROL);
    POSIX::_exit(0) unless length $packet;    # the launcher is gone
    my (undef, $kind, undef, undef, $ticket) = unpack HEADER, $packet;
    my $body = substr $packet, 16;
    if ($kind == REAP) { $self->answer(REAPED, $ticket, reap($body)) }
    return $kind == FORK ? $self->fork($ticket, $body, @fds) : 0;
}

sub fork ($self, $ticket, $body, @fds) {
    $self->{worker}->flush;
    my $pid = $self->hand_over($body, @fds);
    if (!$pid) {
        my $parent = $$;
        $pid = CORE::fork;
        if (defined $pid && $pid == 0) {
            die_with($parent);
            return $self->begin($body, @fds);
        }
    }
    $self->answer(FORKED, $ticket, $pid // "$!");
    POSIX::close($_) for @fds;
    return 0;
}

# Lets the parked fork be what is asked for: its pid, or nothing without one.
sub hand_over ($self, $body, @fds) {
    my $parked = $self->{parked} // return;
    $self->{parked} = undef;
    my ($pid, $socket) = @$parked;
    return $pid if send_fds(fileno $socket, $body, @fds);
    reap($pid);    # something has ended it
    return;
}

# Makes a fork ahead. True in it, once it has been asked for.
sub park ($self) {
    $self->{worker}->flush;
    my $parent = $$;
    socketpair my $ours, my $theirs, UNIX, SEQPACKET, 0 or return 0;
    my $pid = CORE::fork;
    if (!defined $pid) {    # asked to fork, we say why not
        $self->{may_park} = 0;
        return 0;
    }
    if ($pid) {
        $self->{parked} = [$pid, $ours];
        return 0;
    }
    die_with($parent);
    CORE::close $ours;
    # The zygote's own descriptors: whoever reads them must see its end.
    my $null = POSIX::open('/dev/null', 2);
    POSIX::dup2($null, $_) for 0 .. CONTROL;
    POSIX::close($null);
    $self->{worker}->rehearse;
    my ($body, @fds) = receive(fileno $theirs);
    POSIX::_exit(0) unless length $body;
    CORE::close $theirs;
    return $self->begin($body, @fds);
}

sub answer ($self, $kind, $ticket, $text) {
    defined CORE::send $self->{control}, frame_of($kind, $ticket, '', $text), 0 or POSIX::_exit(0);    # the launcher is gone
}

# In the child: becomes a worker, or a zygote of its own.
sub begin ($self, $body, @fds) {
    my ($role, $cookie) = split / /, $body, 2;
    POSIX::setsid();
    for my $number (0 .. $#fds) {
        POSIX::dup2($fds[$number], $number);
        POSIX::close($fds[$number]);
    }
    fcntl $self->{control}, 2, 1;
    my ($name, $value) = split /=/, $cookie, 2;
    $ENV{$name} = $value;
    if ($self->{cookie_at} && open my $memory, '+<:raw', '/proc/self/mem') {
        sysseek $memory, $self->{cookie_at}, 0;
        syswrite $memory, $cookie;
    }
    srand;    # each has its own
    $self->{worker}{frames}{buffer} = '';
    $self->{worker}{frames}->close_on_exec;
    my $is_worker = $role ne 'zygote';
    $self->{worker}->hello($self->{is_loaded} && $is_worker);
    $self->{is_of_function} = !$is_worker;
    if ($is_worker) { CORE::close $self->{control} }
    else            { @$self{qw(parked may_park)} = (undef, 0) }
    return 1;
}

# A packet and the descriptors that came with it.
sub receive ($fd) {
    my ($data, $control) = ("\0" x 4096, "\0" x 64);
    my $vector = pack 'PQ', $data, length $data;
    my $header = pack MSGHDR, 0, 0, $vector, 1, $control, length $control, 0;
    my $size;
    do { $size = syscall $system->{recvmsg}, $fd, $header, 0 } while $size < 0 && $!{EINTR};
    return '' if $size <= 0;
    my $told = unpack 'Q', substr $header, 40, 8;    # bytes of control that are there
    my @fds;
    if ($told > 16) {
        my ($length, $level, $type) = unpack 'Qll', $control;
        @fds = unpack 'l*', substr $control, 16, $length - 16 if $type == SCM_RIGHTS;
    }
    return (substr($data, 0, $size), @fds);
}

sub send_fds ($fd, $data, @fds) {
    my $rights = pack 'l*', @fds;
    my $control = pack 'Qll a*', 16 + length $rights, 1, SCM_RIGHTS, $rights;    # 1: SOL_SOCKET
    $control .= "\0" x (-length($control) % 8);
    my $vector = pack 'PQ', $data, length $data;
    my $header = pack MSGHDR, 0, 0, $vector, 1, $control, length $control, 0;
    return syscall($system->{sendmsg}, $fd, $header, 0x4000) >= 0;               # MSG_NOSIGNAL
}

sub die_with ($parent) {
    syscall $system->{prctl}, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0;
    POSIX::_exit(1) if getppid != $parent;
}

# Waits for a child: `code signal user_us system_us max_rss_kib`.
sub reap ($pid) {
    my ($status, $usage) = (pack('l', 0), "\0" x 256);
    return '-1 9 0 0 0' if syscall($system->{wait4}, $pid + 0, $status, 0, $usage) != $pid;
    $status = unpack 'l', $status;
    my ($user, $user_us, $system, $system_us, $rss) = unpack 'q5', $usage;
    my $signal = $status & 127;
    return join ' ', $signal ? -1 : $status >> 8 & 255, $signal, $user * 1_000_000 + $user_us, $system * 1_000_000 + $system_us, $rss;
}

# Number and target of each open descriptor.
sub open_files {
    opendir my $list, '/proc/self/fd' or return;
    my %files = map { ($_ => readlink "/proc/self/fd/$_") } grep { /^\d+$/ } readdir $list;
    delete $files{(grep { ($files{$_} // '') =~ m{^/proc/\d+/fd$} } keys %files)[0] // ''};
    return map { defined $files{$_} ? ($_ => $files{$_}) : () } keys %files;
}

# Why what was loaded must not be forked, or nothing.
sub unsafe (%before) {
    my $threads = () = glob '/proc/self/task/*';
    return "it runs $threads threads once it is loaded" if $threads > 1;
    my %now = open_files();
    for my $fd (sort { $a <=> $b } keys %now) {
        next if ($before{$fd} // '') eq $now{$fd} || $now{$fd} =~ m{^/dev/u?(?:null|random)$};
        return "it holds $now{$fd} open once it is loaded";
    }
    return '';
}

1;
