// Trilinear sampling on a CPU: what medcl/augment/interpolation/trilinear.py says, step by step alike.
//
// torch's compiler reads voxels one by one where their places are computed; in plain loops a C++
// compiler finds gathers of whole vectors. Rows of a view that lie whole inside of their box, most
// of them, need no limits. No headers of torch, so that it compiles in a second.

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace {

// One row of a layout, see medcl.augment.rendering.strip.Layout.
struct Box {
    int64_t start, valid_start, along_channels, along_x, along_y, last_x, last_y, last_z;
};

// Places of the voxels of one row of a view along z: first + step * z + shift.
struct Places {
    float first[3], step[3];
    const float* shifts[3];  // in view voxels; null for a view that is not displaced
    const float* matrix;     // 3 x 4

    float at(int axis, int64_t z) const {
        float place = first[axis] + step[axis] * static_cast<float>(z);
        if (shifts[0])
            for (int other = 0; other < 3; ++other)
                place += shifts[other][z] * matrix[4 * axis + other];
        return place;
    }
};

template <typename T>
inline float blend(const T* voxels, int32_t near, int32_t dx, int32_t dy, int32_t dz,
                   float x, float y, float z) {
    const float a0 = voxels[near], a1 = voxels[near + dz];
    const float b0 = voxels[near + dy], b1 = voxels[near + dy + dz];
    const float c0 = voxels[near + dx], c1 = voxels[near + dx + dz];
    const float d0 = voxels[near + dx + dy], d1 = voxels[near + dx + dy + dz];
    const float a = a0 + (a1 - a0) * z, b = b0 + (b1 - b0) * z;
    const float c = c0 + (c1 - c0) * z, d = d0 + (d1 - d0) * z;
    const float low = a + (b - a) * y, high = c + (d - c) * y;
    return low + (high - low) * x;
}

// A row whose places all lie from 0 to below the last voxel along every axis.
template <typename T>
void inner_row(const T* __restrict voxels, const Box& box, const Places& places, int64_t size,
               float* __restrict made) {
    const int32_t dx = box.along_x, dy = box.along_y;
    const float x0 = places.first[0], y0 = places.first[1], z0 = places.first[2];
    const float sx = places.step[0], sy = places.step[1], sz = places.step[2];
#pragma GCC ivdep
    for (int32_t z = 0; z < static_cast<int32_t>(size); ++z) {
        const float px = x0 + sx * z, py = y0 + sy * z, pz = z0 + sz * z;
        const int32_t ix = px, iy = py, iz = pz;
        made[z] = blend(voxels, ix * dx + iy * dy + iz, dx, dy, 1, px - ix, py - iy, pz - iz);
    }
}

// Places of a row by plain numbers, which a compiler keeps in vectors.
template <bool displaced>
struct Row {
    float first[3], step[3], m[9];
    const float *u, *v, *w;

    explicit Row(const Places& places) : u(places.shifts[0]), v(places.shifts[1]), w(places.shifts[2]) {
        for (int axis = 0; axis < 3; ++axis) {
            first[axis] = places.first[axis], step[axis] = places.step[axis];
            for (int other = 0; other < 3; ++other)
                m[3 * axis + other] = places.matrix[4 * axis + other];
        }
    }

    float at(int axis, int32_t z) const {
        float place = first[axis] + step[axis] * z;
        if (displaced) {
            place += u[z] * m[3 * axis];
            place += v[z] * m[3 * axis + 1];
            place += w[z] * m[3 * axis + 2];
        }
        return place;
    }
};

template <bool displaced, typename T>
void any_row(const T* __restrict voxels, const Box& box, const Places& places, int64_t size,
             float* __restrict made) {
    const Row<displaced> row(places);
    const int32_t along_x = box.along_x, along_y = box.along_y;
    const int32_t last_x = box.last_x, last_y = box.last_y, last_z = box.last_z;
    const float end_x = last_x, end_y = last_y, end_z = last_z;
#pragma GCC ivdep
    for (int32_t z = 0; z < static_cast<int32_t>(size); ++z) {
        const float px = std::min(std::max(row.at(0, z), 0.0f), end_x);
        const float py = std::min(std::max(row.at(1, z), 0.0f), end_y);
        const float pz = std::min(std::max(row.at(2, z), 0.0f), end_z);
        const int32_t ix = px, iy = py, iz = pz;
        made[z] = blend(voxels, ix * along_x + iy * along_y + iz, ix < last_x ? along_x : 0,
                        iy < last_y ? along_y : 0, iz < last_z ? 1 : 0, px - ix, py - iy, pz - iz);
    }
}

// Which places of a row lie within the box and half a voxel around it. It ends only where its source
// does, or where no voxel of the view comes.
template <bool displaced>
void seen_row(const Places& places, const Box& box, float half, int64_t size,
              uint8_t* __restrict seen) {
    const Row<displaced> row(places);
    const float last[3] = {float(box.last_x), float(box.last_y), float(box.last_z)};
    const float low = -half, high[3] = {last[0] + half, last[1] + half, last[2] + half};
#pragma GCC ivdep
    for (int32_t z = 0; z < static_cast<int32_t>(size); ++z) {
        const float x = row.at(0, z), y = row.at(1, z), w = row.at(2, z);
        seen[z] = (x >= low) & (x <= high[0]) & (y >= low) & (y <= high[1]) & (w >= low) &
                  (w <= high[2]);
    }
}

}  // namespace

// Arrays are contiguous: layout (views, 8), matrices (views, 3, 4), shifts (views, 3, x, y, z) or
// null, values (views, channels, x, y, z), inside (views, 1, x, y, z);
// share is one more (views, x, y, z) where valid, the measured voxels as 0 and 1, is not null.
extern "C" void medcl_trilinear(
    const float* voxels, const float* valid, const int64_t* layout, const float* matrices,
    const float* shifts, float* values, float* share, uint8_t* inside,
    int64_t views, int64_t channels, int64_t size_x, int64_t size_y, int64_t size_z, float half,
    int threads) {
    const int64_t plane = size_y * size_z, size = size_x * plane;
    const int64_t rows = views * size_x * size_y;
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t row = 0; row < rows; ++row) {
        const int64_t view = row / (size_x * size_y), x = row / size_y % size_x, y = row % size_y;
        const int64_t here = (x * size_y + y) * size_z;
        Box box;
        std::memcpy(&box, layout + 8 * view, sizeof box);
        const int64_t last[3] = {box.last_x, box.last_y, box.last_z};
        Places places{};
        places.matrix = matrices + 12 * view;
        if (shifts)
            for (int axis = 0; axis < 3; ++axis)
                places.shifts[axis] = shifts + (3 * view + axis) * size + here;
        bool is_inner = !shifts;
        for (int axis = 0; axis < 3; ++axis) {
            const float* numbers = places.matrix + 4 * axis;
            places.first[axis] = numbers[0] * static_cast<float>(x) + numbers[3];
            places.first[axis] += numbers[1] * static_cast<float>(y);
            places.step[axis] = numbers[2];
            // Rounding keeps the order of numbers: what the ends obey, all between them do.
            for (int64_t z : {int64_t{0}, size_z - 1}) {
                const float place = places.at(axis, z);
                is_inner = is_inner && place >= 0.0f && place < static_cast<float>(last[axis]);
            }
        }
        uint8_t* seen = inside + view * size + here;
        if (is_inner)
            std::memset(seen, 1, size_z);
        else if (shifts)
            seen_row<true>(places, box, half, size_z, seen);
        else
            seen_row<false>(places, box, half, size_z, seen);
        for (int64_t channel = 0; channel <= channels; ++channel) {
            const bool is_share = channel == channels;
            if (is_share && !valid) break;
            const float* from = is_share ? valid + box.valid_start
                                         : voxels + box.start + channel * box.along_channels;
            float* made = is_share ? share + view * size + here
                                   : values + (view * channels + channel) * size + here;
            if (is_inner)
                inner_row(from, box, places, size_z, made);
            else if (shifts)
                any_row<true>(from, box, places, size_z, made);
            else
                any_row<false>(from, box, places, size_z, made);
        }
    }
}
