#include <vector>

namespace shop {

// What a customer wants to buy.
template <typename T>
class Cart : public Basket {
public:
    explicit Cart(std::vector<T> items);
    ~Cart() override = default;

    int total() const {
        return sum(items_);
    }

private:
    std::vector<T> items_;
};

struct Line {
    int price;
};

enum class State { Open, Paid };

using Lines = std::vector<Line>;

}  // namespace shop

int shop::Cart<int>::count() const {
    return items_.size();
}

bool operator==(const Line& a, const Line& b) {
    return a.price == b.price;
}
