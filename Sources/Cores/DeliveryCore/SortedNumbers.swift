/// Numbers that ascend, each once. Cheap where new ones mostly are the greatest.
struct SortedNumbers<Number: Comparable & Sendable>: Sendable {
    private(set) var numbers: [Number] = []

    var isEmpty: Bool { self.numbers.isEmpty }
    var first: Number? { self.numbers.first }

    mutating func insert(_ number: Number) {
        let place = self.place(of: number)
        if place < self.numbers.count, self.numbers[place] == number { return }
        self.numbers.insert(number, at: place)
    }

    mutating func remove(_ number: Number) {
        let place = self.place(of: number)
        guard place < self.numbers.count, self.numbers[place] == number else { return }
        self.numbers.remove(at: place)
    }

    /// Removes all up to and including `limit`, and gives them back.
    mutating func removeAll(upTo limit: Number) -> ArraySlice<Number> {
        let removed = self.numbers.prefix { $0 <= limit }
        self.numbers.removeFirst(removed.count)
        return removed
    }

    mutating func removeAll(where isUnwanted: (Number) -> Bool) {
        self.numbers.removeAll(where: isUnwanted)
    }

    /// The first place whose number is not smaller.
    private func place(of number: Number) -> Int {
        if let last = self.numbers.last, last < number { return self.numbers.count }
        var low = 0
        var high = self.numbers.count
        while low < high {
            let middle = (low + high) / 2
            if self.numbers[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func checkInvariants() {
        let pairs = zip(self.numbers, self.numbers.dropFirst())
        precondition(pairs.allSatisfy { $0 < $1 }, "numbers ascend, each once")
    }
}
