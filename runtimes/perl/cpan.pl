# Part of a build: indexes of modules in the form of CPAN's own, "Module version path" a line.
#   cpan.pl index SNAPSHOT        prints that of a cpanfile.snapshot
#   cpan.pl remember LOCAL INDEX  puts the modules that were installed into LOCAL in front of INDEX
use v5.36;
use JSON::PP ();

sub slurp ($path) {
    open my $file, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}

# Distributions are indented by two columns, what is known about them by four, the modules that they provide by six.
sub of_snapshot ($path) {
    my ($pathname, $part, @lines) = ('', '');
    for my $line (split /\n/, slurp($path)) {
        if    ($line =~ /^    pathname: (\S+)/)                                { $pathname = $1 }
        elsif ($line =~ /^    (\w+):/)                                         { $part = $1 }
        elsif ($part eq 'provides' && $line =~ /^      (\S+) (\S+)/ && $pathname) { push @lines, "$1 $2 $pathname" }
    }
    return @lines;
}

sub of_installed ($folder) {
    my @lines;
    for my $path (sort glob "'$folder'/lib/perl5/*/.meta/*/install.json '$folder'/lib/perl5/.meta/*/install.json") {
        my $about = JSON::PP::decode_json(slurp($path));
        my $provides = $about->{provides} // {};
        push @lines, map { join ' ', $_, $provides->{$_}{version} // 'undef', $about->{pathname} } sort keys %$provides if $about->{pathname};
    }
    return @lines;
}

my ($what, $from, $index) = @ARGV;
if ($what eq 'index') {
    say for of_snapshot($from);
} else {
    my %seen;
    my @lines = grep { !$seen{$_}++ } of_installed($from), -f $index ? split /\n/, slurp($index) : ();
    open my $file, '>:raw', "$index.$$" or die "$index: $!\n";
    print $file map { "$_\n" } @lines;
    close $file or die "$index: $!\n";
    rename "$index.$$", $index or die "$index: $!\n";
}
