import Foundation

let limit = 3

/// What a customer wants to buy.
@MainActor
public final class Cart: Basket {
    private var items: [Item] = []

    init(items: [Item]) {
        self.items = items
    }

    func total() -> Int {
        return items.map { $0.price }.reduce(0, +)
    }
}

struct Line {
    let price: Int
}

enum State {
    case open, paid
}

protocol Priced {
    func price() -> Int
}

extension Cart {
    func isFull() -> Bool {
        return items.count > limit
    }
}

func load(key: String) async throws -> Cart {
    return try await fetch(key)
}
