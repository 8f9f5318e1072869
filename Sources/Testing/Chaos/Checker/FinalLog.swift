/// What the final read found, sorted by place.
struct FinalLog {
    let rows: [Record.Drained]

    init(_ record: Record) {
        self.rows = record.drained.sorted { $0.place < $1.place }
    }

    func identity(at place: Record.Place) -> Record.Identity? {
        var low = 0
        var high = self.rows.count
        while low < high {
            let middle = (low + high) / 2
            if self.rows[middle].place < place { low = middle + 1 } else { high = middle }
        }
        return low < self.rows.count && self.rows[low].place == place
            ? self.rows[low].identity : nil
    }
}
