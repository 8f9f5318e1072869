/// What is going to happen, earliest first; what happens at the same time, in the order in which it
/// was planned.
struct EventQueue {
    struct Event {
        let time: Int64
        let number: UInt64
        let action: () -> Void

        fileprivate func precedes(_ other: Event) -> Bool {
            (self.time, self.number) < (other.time, other.number)
        }
    }

    private var heap: [Event] = []
    private var lastNumber: UInt64 = 0

    var next: Event? { self.heap.first }

    mutating func add(at time: Int64, _ action: @escaping () -> Void) {
        self.lastNumber += 1
        self.heap.append(Event(time: time, number: self.lastNumber, action: action))
        self.siftUp(from: self.heap.count - 1)
    }

    mutating func removeNext() -> Event? {
        guard let first = self.heap.first, let last = self.heap.popLast() else { return nil }
        guard !self.heap.isEmpty else { return first }
        self.heap[0] = last
        self.siftDown()
        return first
    }

    mutating func removeAll() { self.heap.removeAll() }

    private mutating func siftUp(from start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.heap[child].precedes(self.heap[parent]) else { return }
            self.heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < self.heap.count {
                if self.heap[child].precedes(self.heap[least]) { least = child }
            }
            guard least != parent else { return }
            self.heap.swapAt(parent, least)
            parent = least
        }
    }
}
