/// What is going to happen, earliest first; what happens at the same time, in the order in which it
/// was planned.
struct EventQueue {
    /// Plain numbers: the heap moves them about a lot. The action lies in its slot.
    private struct Entry {
        let time: Int64
        let number: UInt64
        let slot: Int

        func precedes(_ other: Entry) -> Bool {
            self.time == other.time ? self.number < other.number : self.time < other.time
        }
    }

    private var heap: [Entry] = []
    private var actions: [(() -> Void)?] = []
    private var freeSlots: [Int] = []
    private var lastNumber: UInt64 = 0

    /// When the next event happens; nil when nothing is planned.
    var nextTime: Int64? { self.heap.first?.time }

    mutating func add(at time: Int64, _ action: @escaping () -> Void) {
        self.lastNumber += 1
        let slot: Int
        if let free = self.freeSlots.popLast() {
            slot = free
            self.actions[slot] = action
        } else {
            slot = self.actions.count
            self.actions.append(action)
        }
        self.heap.append(Entry(time: time, number: self.lastNumber, slot: slot))
        self.siftUp(from: self.heap.count - 1)
    }

    mutating func removeNext() -> (() -> Void)? {
        guard let first = self.heap.first, let last = self.heap.popLast() else { return nil }
        if !self.heap.isEmpty {
            self.heap[0] = last
            self.siftDown()
        }
        self.freeSlots.append(first.slot)
        return self.actions[first.slot].take()
    }

    mutating func removeAll() { self = EventQueue() }

    private mutating func siftUp(from start: Int) {
        var child = start
        let moving = self.heap[child]
        while child > 0 {
            let parent = (child - 1) / 2
            guard moving.precedes(self.heap[parent]) else { break }
            self.heap[child] = self.heap[parent]
            child = parent
        }
        self.heap[child] = moving
    }

    private mutating func siftDown() {
        var parent = 0
        let moving = self.heap[0]
        while true {
            var child = 2 * parent + 1
            guard child < self.heap.count else { break }
            let right = child + 1
            if right < self.heap.count, self.heap[right].precedes(self.heap[child]) {
                child = right
            }
            guard self.heap[child].precedes(moving) else { break }
            self.heap[parent] = self.heap[child]
            parent = child
        }
        self.heap[parent] = moving
    }
}
