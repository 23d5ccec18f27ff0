using System;

namespace Shop.Carts
{
    /// <summary>A cart.</summary>
    [Serializable]
    public class Cart<T> : IBasket
    {
        public int Count { get; set; }

        public Cart(T[] items) { Count = items.Length; }

        public int Total()
        {
            return Sum(Count);
        }
    }

    public interface IBasket
    {
        int Total();
    }

    public enum State { Open, Paid }

    public record Line(string Name, int Price);
}
