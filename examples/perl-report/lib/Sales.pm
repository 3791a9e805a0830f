package Sales;

# Reads sales from CSV and adds them up by item.
use v5.36;
use Text::CSV;

sub read_csv ($text) {
    my $csv = Text::CSV->new({binary => 1, auto_diag => 0, strict => 1});
    open my $lines, '<:encoding(UTF-8)', \$text or die "cannot read the text: $!\n";
    my @names = @{$csv->getline($lines) // []};
    for my $needed (qw(item count price)) {
        die "the first line names no column \"$needed\"\n" unless grep { lc eq $needed } @names;
    }
    $csv->column_names(map { lc } @names);
    my @rows;
    while (my $row = $csv->getline_hr($lines)) {
        die "line $.: \"$row->{$_}\" is not a number\n" for grep { $row->{$_} !~ /\A-?[0-9]+(?:\.[0-9]+)?\z/ } qw(count price);
        push @rows, $row;
    }
    my ($code, $why, undef, $number) = $csv->error_diag;
    die "line $number: $why\n" if $code && $code != 2012;    # 2012 is the end of the file
    return @rows;
}

sub totals (@rows) {
    my %by_item;
    for my $row (@rows) {
        my $sum = $by_item{$row->{item}} //= {item => $row->{item}, count => 0, total => 0};
        $sum->{count} += $row->{count};
        $sum->{total} += $row->{count} * $row->{price};
    }
    my @items = sort { $b->{total} <=> $a->{total} || $a->{item} cmp $b->{item} } values %by_item;
    $_->{total} = sprintf '%.2f', $_->{total} for @items;
    return @items;
}

1;
