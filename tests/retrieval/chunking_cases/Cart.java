package shop;

import java.util.List;

/** A cart. */
@Entity
public class Cart<T extends Priced> implements Basket {
    private final List<T> items;

    public Cart(List<T> items) {
        this.items = items;
    }

    @Override
    public long total() {
        return items.stream().mapToLong(T::price).sum();
    }

    enum State { OPEN, PAID }
}

interface Priced {
    long price();
}

record Line(String name, long price) implements Priced {}
