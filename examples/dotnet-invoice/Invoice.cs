using System.Globalization;
using Humanizer;
using Trivet;

public record Line(string Item, int Count, decimal Price);

public record Order(int Number, string Customer, DateOnly Due, Line[] Lines);

public record Letter(string Subject, string Text, decimal Total);

// A reminder of an invoice, in words that people use: Humanizer knows plurals, ordinals and how numbers are spelled.
public static class Invoice
{
    private static readonly CultureInfo english = new("en");

    public static Letter Reminder(Order order, Context ctx)
    {
        CultureInfo.CurrentUICulture = english; // of this call: workers have no language of their own
        if (order.Lines.Length == 0) throw new ArgumentException($"order {order.Number} has no lines");
        decimal total = order.Lines.Sum(line => line.Count * line.Price);
        string items = order.Lines.Select(line => line.Item.ToQuantity(line.Count, ShowQuantityAs.Words)).Humanize();
        string words = ((int)decimal.Truncate(total)).ToWords(english);
        string day = $"the {order.Due.Day.ToOrdinalWords()} of {order.Due.ToString("MMMM yyyy", english)}";
        ctx.Log.Info("reminded", new { order.Number, total });
        return new Letter($"Your {order.Number.Ordinalize(english)} order", $"Dear {order.Customer.Titleize()}, {items} for {words} euro are due on {day}.", total);
    }
}
