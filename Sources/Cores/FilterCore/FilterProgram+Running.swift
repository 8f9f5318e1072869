internal import MessageFormat

extension FilterProgram {
    /// Evaluates the program over a message's properties as they are stored.
    func run(over properties: UnsafeRawBufferPointer) -> FilterResult {
        self.texts.withUnsafeBytes { texts in
            withUnsafeTemporaryAllocation(
                of: FilterValue.self, capacity: self.names.count + self.stackMax
            ) { memory in
                memory.initialize(repeating: .null)
                var machine = FilterMachine(
                    program: self, texts: texts,
                    properties: .init(rebasing: memory[..<self.names.count]),
                    stack: .init(rebasing: memory[self.names.count...]))
                machine.collect(properties)
                return machine.run()
            }
        }
    }
}

/// One evaluation.
private struct FilterMachine {
    let program: FilterProgram
    let texts: UnsafeRawBufferPointer
    /// The named properties' values.
    let properties: UnsafeMutableBufferPointer<FilterValue>
    let stack: UnsafeMutableBufferPointer<FilterValue>
    var count = 0

    /// Finds the named properties, in one pass. Of two with the same name the last one counts; a
    /// pair without a name or a value does not (`messages.md` §2).
    func collect(_ bytes: UnsafeRawBufferPointer) {
        guard !self.program.names.isEmpty else { return }
        var start = 0
        while start < bytes.count {
            var end = start
            var separator: Int?
            while end < bytes.count, bytes[end] != 2 {
                if separator == nil, bytes[end] == 1 { separator = end }
                end += 1
            }
            if let separator, separator > start, separator + 1 < end,
                let slot = self.slot(of: bytes.slice(start..<separator))
            {
                self.properties[slot] = .text(bytes.slice((separator + 1)..<end))
            }
            start = end + 1
        }
    }

    /// Binary search by length and bytes.
    private func slot(of name: UnsafeRawBufferPointer) -> Int? {
        var low = 0
        var high = self.program.names.count
        while low < high {
            let middle = (low + high) / 2
            let candidate = self.program.names[middle]
            let difference = self.compare(candidate.bytes, name)
            if difference == 0 { return candidate.slot }
            if difference < 0 { low = middle + 1 } else { high = middle }
        }
        return nil
    }

    private func compare(_ known: Range<Int>, _ name: UnsafeRawBufferPointer) -> Int {
        guard known.count == name.count else { return known.count - name.count }
        for index in 0..<name.count {
            let difference = Int(self.texts[known.lowerBound + index]) - Int(name[index])
            if difference != 0 { return difference }
        }
        return 0
    }

    mutating func run() -> FilterResult {
        var at = 0
        while at < self.program.operations.count {
            let operation = self.program.operations[at]
            at += 1
            switch operation {
            case .jumpIfTrue(let target): if case .boolean(true) = self.top { at = target }
            case .jumpIfFalse(let target): if case .boolean(false) = self.top { at = target }
            default: guard self.perform(operation) else { return .failed }
            }
        }
        switch self.top {
        case .boolean(true): return .isTrue
        case .boolean(false): return .isFalse
        default: return .unknown
        }
    }

    private var top: FilterValue { self.stack[self.count - 1] }

    /// False if a value cannot be converted.
    private mutating func perform(_ operation: FilterProgram.Operation) -> Bool {
        switch operation {
        case .constant(let constant): self.push(self.value(of: constant))
        case .property(let slot): self.push(self.properties[slot])
        case .compare(let comparison):
            let right = self.pop()
            guard let result = FilterValue.compare(self.pop(), comparison, right) else {
                return false
            }
            self.push(result)
        case .between(let negated):
            let high = self.pop()
            let low = self.pop()
            guard let result = FilterValue.between(self.pop(), low, high, negated: negated) else {
                return false
            }
            self.push(result)
        case .isNull(let negated): self.push(.boolean(self.pop().isNull != negated))
        case .isIn(let elements, let negated): self.push(self.isIn(elements, negated))
        case .search(let search, let negated): self.push(self.find(search, negated))
        case .condition: self.push(self.pop().condition)
        case .negate: self.push(self.pop().negated)
        case .not: self.push(self.pop().inverted)
        case .and: self.push(.and(self.pop(), self.pop()))
        case .or: self.push(.or(self.pop(), self.pop()))
        case .jumpIfTrue, .jumpIfFalse: break
        }
        return true
    }

    private mutating func push(_ value: FilterValue) {
        self.stack[self.count] = value
        self.count += 1
    }

    private mutating func pop() -> FilterValue {
        self.count -= 1
        return self.stack[self.count]
    }

    private func value(of constant: FilterProgram.Constant) -> FilterValue {
        switch constant {
        case .null: .null
        case .boolean(let value): .boolean(value)
        case .integer(let value): .integer(value)
        case .double(let value): .double(value)
        case .text(let bytes): .text(self.texts.slice(bytes))
        }
    }

    private mutating func isIn(_ elements: Range<Int>, _ negated: Bool) -> FilterValue {
        guard case .text(let text) = self.pop() else { return .null }
        let isFound = self.program.lists[elements].contains {
            $0.count == text.count && self.texts.slice($0).elementsEqual(text)
        }
        return .boolean(isFound != negated)
    }

    /// A missing property contains nothing, and does not even not contain it.
    private mutating func find(_ search: TextSearch, _ negated: Bool) -> FilterValue {
        guard case .text(let text) = self.pop(), !search.isVoid else { return .boolean(false) }
        return .boolean(search.succeeds(in: text) != negated)
    }
}
